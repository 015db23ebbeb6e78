/** Builds `dist/`: the program, and what a source outside this tree imports. Types are checked before (`npm run build`). */
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { bundle } from './bundle.ts';

const ROOT = import.meta.dirname;
const DIST = join(ROOT, 'dist');

/** The licences of all packages of which the bundle has a part: each asks to be handed on with it. */
async function licences({ inputs }: Metafile): Promise<string> {
  const packages = Object.keys(inputs).flatMap(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [],
  );
  const texts = [...new Set(packages)].toSorted().map(async (path) => {
    const { name, version, license } = JSON.parse(
      await readFile(join(ROOT, path, 'package.json'), 'utf8'),
    ) as Record<string, string>;
    const files = (await readdir(join(ROOT, path))).filter((file) => /^(licen[cs]e|notice)/i.test(file));
    const words = await Promise.all(files.map((file) => readFile(join(ROOT, path, file), 'utf8')));
    return [`${name} ${version} (${license})`, ...words].join('\n\n');
  });
  return (await Promise.all(texts)).join(`\n\n${'-'.repeat(80)}\n\n`);
}

await rm(DIST, { recursive: true, force: true });
// Their common parts are the same modules.
const metafile = await bundle({ main: 'src/main.ts', source: 'src/sources/_kit/index.ts' }, DIST);
await writeFile(join(DIST, 'LICENSES.txt'), await licences(metafile));
await chmod(join(DIST, 'main.js'), 0o755);
