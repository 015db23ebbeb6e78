import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { absolutePath, readConfigurationFile, whyNotRead } from '../config/files.ts';
import type { NamedType } from '../config/outside-types.ts';
import { explain } from '../core/errors.ts';
import type { Source } from '../core/source.ts';
import { compileDefinition } from './_declarative/compile.ts';
import { importModule, packageFolder } from './modules.ts';
import { whyNoSource } from './source-shape.ts';

const SUFFIX = '.source.yaml';
const DEFINITION = 'source.yaml';
/** What a folder of a source type holds: exactly one of these. */
const CONTENTS = [DEFINITION, 'index.ts', 'index.js'];

/**
 * Loads a source type that the configuration names: a folder with a `source.yaml` or with code, an `ID.source.yaml`, or an npm
 * package. A definition is read at each call; code is loaded once by a process.
 * @throws ConfigError with the mistakes of a definition, with their places; or an Error with what is wrong, and what to do
 */
export async function loadOutside(type: NamedType): Promise<Source> {
  if (!isPath(type.name)) return fromPackage(type);
  const shown = isRooted(type.name) ? type.name : join(type.folder, type.name);
  const at = absolutePath(type.cwd, shown);
  const folder = await isFolder(at, shown);
  if (!folder && !basename(at).endsWith(SUFFIX))
    throw new Error(
      `${type.name} is neither a folder nor an ID${SUFFIX}. Name one of these, or an npm package`,
    );
  const source = folder
    ? await fromFolder({ at, shown, name: type.name })
    : await fromDefinition({ at, shown });
  const id = folder ? basename(at) : basename(at).slice(0, -SUFFIX.length);
  if (source.id === id) return source;
  throw new Error(
    `${type.name} has the id \`${source.id}\`; its ${folder ? 'folder' : 'file'} must be named ${source.id}${folder ? '' : SUFFIX}, or its id be \`${id}\``,
  );
}

/** A path begins with `.`, `/` or `~`, or names a definition; all else is a package. */
function isPath(name: string): boolean {
  return /^(?:\.{1,2}|~)?(?:\/|$)/.test(name) || name.endsWith(SUFFIX);
}

function isRooted(name: string): boolean {
  return /^[/~]/.test(name);
}

/** A file or a folder: where it is, and how messages name it. */
interface Located {
  readonly at: string;
  readonly shown: string;
}

async function fromFolder({ at, shown, name }: Located & { readonly name: string }): Promise<Source> {
  const present = [];
  for (const file of CONTENTS) if (await exists(join(at, file))) present.push(file);
  const [file] = present;
  if (file === undefined) throw new Error(`${name} holds no ${DEFINITION}, index.ts or index.js. Add one`);
  if (present.length > 1) throw new Error(`${name} holds ${present.join(' and ')}. Remove all but one`);
  if (file === DEFINITION) return fromDefinition({ at: join(at, file), shown: join(shown, file) });
  return fromCode(join(name, file), () => importModule(pathToFileURL(join(at, file)).href));
}

async function fromDefinition({ at, shown }: Located): Promise<Source> {
  const content = await readConfigurationFile(at).catch(whyNotRead);
  if (typeof content === 'string') throw new Error(`cannot read ${shown}: ${content}`);
  return compileDefinition(content.toString('utf8'), shown);
}

async function fromPackage({ name, folder, cwd }: NamedType): Promise<Source> {
  const parent = absolutePath(cwd, join(folder, 'penstock.yaml'));
  const root = packageFolder(name, parent);
  if (root === undefined) {
    const near = await exists(join(dirname(parent), name));
    const advice = near
      ? `For the folder beside this file, write ./${name}`
      : `Install it there (npm install ${name}); a path begins with ./`;
    throw new Error(`the package ${name} is not installed in ${dirname(parent)}, nor above it. ${advice}`);
  }
  const definition = join(root, DEFINITION);
  if (await exists(definition)) return fromDefinition({ at: definition, shown: definition });
  return fromCode(`the package ${name}`, () => importModule(name, parent));
}

async function fromCode(what: string, load: () => Promise<{ readonly default?: unknown }>): Promise<Source> {
  let module;
  try {
    module = await load();
  } catch (error) {
    const why = explain(error);
    throw new Error(`${what} cannot be loaded (${why}). Correct it, or remove it from \`types\``, {
      cause: error,
    });
  }
  const problem = whyNoSource(module.default);
  if (problem === undefined) return module.default as Source;
  throw new Error(
    `${what} must export a source by default (\`export default defineSource({ … })\`): ${problem}`,
  );
}

async function isFolder(at: string, shown: string): Promise<boolean> {
  const found = await stat(at).catch(whyNotRead);
  if (typeof found === 'string') throw new Error(`cannot read ${shown}: ${found}`);
  return found.isDirectory();
}

async function exists(at: string): Promise<boolean> {
  try {
    await stat(at);
    return true;
  } catch {
    return false;
  }
}
