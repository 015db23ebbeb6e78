/**
 * Builds `dist/`: the program in one bundle with its dependencies, split by command, so that a command reads only what it
 * uses. Types are checked before (`npm run build`).
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
      const lines = ids.toSorted().map((id) => `['${id}', ${loading(folder, id)}]`);
      return {
        contents: `const FOLDERS = new Map([${lines.join(', ')}]);\nexport const sourceFolders = async () => FOLDERS;\n`,
        loader: 'ts',
        resolveDir: folder,
      };
    });
  },
};

/** How a bundle loads a source: its code, or its definition and what compiles it. */
function loading(folder: string, id: string): string {
  if (existsSync(join(folder, id, 'index.ts'))) return `() => import('./${id}/index.ts')`;
  const [file, compiler] = [`./${id}/source.yaml`, './_declarative/compile.ts'];
  return `async () => {
    const [{ default: text }, { compileDefinition }] = await Promise.all([import('${file}'), import('${compiler}')]);
    return { default: compileDefinition(text, '${id}/source.yaml') };
  }`;
}

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

/**
 * Of undici only the client that `http/connections.ts` uses: its index loads `fetch`, WebSockets and all the rest. The
 * index gives dispatchers their methods in the same way. HTTP/2, which no connection allows, is loaded on call.
 */
const undiciClient: Plugin = {
  name: 'undici-client',
  setup(bundler) {
    const modules: Record<string, string> = {
      undici: `
        Object.assign(require('undici/lib/dispatcher/dispatcher.js').prototype, require('undici/lib/api'));
        exports.Agent = require('undici/lib/dispatcher/agent.js');
        exports.ProxyAgent = require('undici/lib/dispatcher/proxy-agent.js');
        exports.buildConnector = require('undici/lib/core/connect.js');
      `,
      './client-h2.js':
        "module.exports = (...given) => require('undici/lib/dispatcher/client-h2.js')(...given);",
    };
    bundler.onResolve({ filter: /^(undici|\.\/client-h2\.js)$/ }, ({ path }) => ({
      path,
      namespace: 'undici-client',
    }));
    bundler.onLoad({ filter: /.*/, namespace: 'undici-client' }, ({ path }) => ({
      contents: modules[path] ?? '',
      resolveDir: ROOT,
    }));
  },
};

/** `import … from "node:…"` as esbuild writes it: the default, the named ones, the module. */
const BUILTIN = /^import (?:(\w+)(?:, )?)?(?:\{([^}]*)\})? from "(node:[^"]+)";$/gm;

/**
 * Makes Node's own modules be loaded by `require`. An `import` would make an ES module of each, which reads all its members:
 * for `node:http` that loads another HTTP client, which takes as long as the start of an empty Node.
 */
function requireBuiltins(code: string): string {
  return code.replaceAll(BUILTIN, (_, whole?: string, names?: string, module?: string) => {
    const load = `require("${module}")`;
    const parts = names === undefined ? [] : [`{${names.replaceAll(' as ', ': ')}} = ${whole ?? load}`];
    return `const ${[...(whole === undefined ? [] : [`${whole} = ${load}`]), ...parts].join(', ')};`;
  });
}

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
const { metafile, outputFiles } = await build({
  absWorkingDir: ROOT,
  // The program, and what a source outside this tree imports; their common parts are the same modules.
  entryPoints: { main: 'src/main.ts', source: 'src/sources/_kit/index.ts' },
  outdir: DIST,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: true,
  sourcesContent: false,
  banner: { js: REQUIRE },
  loader: { '.yaml': 'text' },
  plugins: [sourceFolders, summaries, undiciClient],
  metafile: true,
  write: false,
  logLevel: 'warning',
});
await mkdir(DIST);
for (const { path, text } of outputFiles)
  await writeFile(path, path.endsWith('.js') ? requireBuiltins(text) : text);
await writeFile(join(DIST, 'LICENSES.txt'), await licences(metafile));
await chmod(join(DIST, 'main.js'), 0o755);
