/**
 * Builds `dist/`: the program in one bundle with its dependencies, split by command, so that a command reads only what it
 * uses. Types are checked before (`npm run build`).
 */
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { sourceSummaries } from './src/sources/summaries.ts';

const ROOT = import.meta.dirname;
const DIST = join(ROOT, 'dist');

/** CommonJS dependencies call `require` for Node's own modules; an ES module has none. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/** The sources that `src/sources/folders.ts` finds by listing its folder: a bundle has no folders, so it gets the list. */
const sourceFolders: Plugin = {
  name: 'source-folders',
  setup(bundler) {
    bundler.onLoad({ filter: /\/src\/sources\/folders\.ts$/ }, async ({ path }) => {
      const folder = join(path, '..');
      const entries = await readdir(folder, { withFileTypes: true });
      const ids = entries
        .filter((one) => one.isDirectory() && !one.name.startsWith('_'))
        .map(({ name }) => name);
      const lines = ids.toSorted().map((id) => `['${id}', () => import('./${id}/index.ts')]`);
      return {
        contents: `const FOLDERS = new Map([${lines.join(', ')}]);\nexport const sourceFolders = async () => FOLDERS;\n`,
        loader: 'ts',
        resolveDir: folder,
      };
    });
  },
};

/** What `penstock sources` lists, so that it need not load them. */
const summaries: Plugin = {
  name: 'source-summaries',
  setup(bundler) {
    bundler.onLoad({ filter: /\/src\/sources\/summaries\.ts$/ }, async () => ({
      contents: `export const sourceSummaries = async () => ${JSON.stringify(await sourceSummaries())};\n`,
      loader: 'ts',
    }));
  },
};

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
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/main.ts'],
  outdir: DIST,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: true,
  sourcesContent: false,
  banner: { js: REQUIRE },
  plugins: [sourceFolders, summaries],
  metafile: true,
  logLevel: 'warning',
});
await writeFile(join(DIST, 'LICENSES.txt'), await licences(metafile));
await chmod(join(DIST, 'main.js'), 0o755);
