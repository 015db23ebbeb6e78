import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { sourceSummaries } from './src/sources/summaries.ts';

const ROOT = import.meta.dirname;

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

/**
 * Bundles a program with its dependencies into a directory, split where it loads parts on call, so that a command reads only
 * what it uses. `entryPoints`: files of this tree by the names of their bundles.
 */
export async function bundle(
  entryPoints: Readonly<Record<string, string>>,
  directory: string,
): Promise<Metafile> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: directory,
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
  await mkdir(directory, { recursive: true });
  for (const { path, text } of outputFiles)
    await writeFile(path, path.endsWith('.js') ? requireBuiltins(text) : text);
  return metafile;
}
