import type * as z from 'zod';
import type { CommonOptions, Source } from '../core/source.ts';
import { checkProxies } from './proxy.ts';
import { parseFiles, type ParsedFile } from './yaml.ts';
import { findConfig, readConfig } from './files.ts';
import { fileReader, openFileOptions, openFiles } from './referenced-files.ts';
import { checkBlock, quoted } from './schema-errors.ts';
import { checkDefaults, checkRouting, checkStreams } from './cross-checks.ts';
import {
  checkResourceAttributes,
  environmentDestination,
  metricsReceiver,
  namesEndpoint,
} from './otel-environment.ts';
import { type LoadType, loadOutsideTypes } from './outside-types.ts';
import { Problems, identify, didYouMean } from './problems.ts';
import { settingsSchema, toDestination } from './settings.ts';
import { checkState, toState } from './state-settings.ts';
import { isRecord, type Tree, membersOf, readTree } from './tree.ts';
import type { Config, DestinationConfig, Environment, LoadableTypes, SourceConfig } from './types.ts';

/** What a configuration is read from and checked against. */
export interface LoadOptions {
  /** `--config`: a file, or a directory whose `*.yaml` make one configuration. */
  readonly file?: string | undefined;
  readonly env: Environment;
  /** The shipped source types. Only those that the configuration names are loaded. */
  readonly types: LoadableTypes;
  /** Loads the source types that `types` names. Absent: an entry of `types` is an error. */
  readonly loadType?: LoadType;
  /** The working directory, to which paths are relative. */
  readonly cwd: string;
}

/**
 * Finds, reads and checks the configuration. Writes nothing and uses no network.
 * @throws ConfigError with everything that is wrong, one line each: `file:line:column path: what is wrong`.
 */
export async function loadConfig({ file, cwd, ...options }: LoadOptions): Promise<Config> {
  const path = await findConfig({ file, env: options.env, cwd });
  const problems = new Problems();
  const files = parseFiles(await readConfig(path, cwd), problems);
  problems.throwIfAny();
  const parts = await check(files, { cwd, ...options }, problems);
  problems.throwIfAny();
  return assemble(path, cwd, parts);
}

interface Parts {
  readonly settings: z.output<typeof settingsSchema> | undefined;
  readonly sources: readonly SourceConfig[];
  readonly environment: DestinationConfig | undefined;
  readonly metrics: DestinationConfig | undefined;
}

/** Runs every check, whatever the others find, so that all problems show at once. */
async function check(
  files: readonly ParsedFile[],
  { env, types: shipped, loadType, cwd }: Omit<LoadOptions, 'file'>,
  problems: Problems,
): Promise<Parts> {
  const tree = readTree(files, { env, readFile: fileReader(cwd) }, problems);
  openFiles(tree, cwd, problems);
  const settings = checkBlock(settingsSchema, [], tree, problems);
  const outside = await loadOutsideTypes(
    tree,
    { types: shipped, loadType: loadType ?? noType, cwd },
    problems,
  );
  const types = new Map([...shipped, ...[...outside.types].map(([id, { source }]) => [id, source] as const)]);
  const sources = await readSources(tree, { types, complete: outside.complete, files, cwd }, problems);
  if (outside.complete) checkDefaults(tree, [...types.keys()], problems);
  checkState(tree, problems);
  checkRouting(tree, problems);
  checkStreams(sources, tree, problems);
  checkResourceAttributes(env, problems);
  checkProxies(env, problems);
  const environment = fromEnvironment(tree, { env, cwd }, problems);
  return { settings, sources, environment, metrics: metricsReceiver({ env, cwd, problems }) };
}

/** The destination of the environment; used only when the file names none. */
function fromEnvironment(
  tree: Tree,
  { env, cwd }: Pick<LoadOptions, 'env' | 'cwd'>,
  problems: Problems,
): DestinationConfig | undefined {
  const section = tree.value['destinations'];
  if (isRecord(section) ? Object.keys(section).length > 0 : section !== undefined) return undefined;
  if (namesEndpoint(env)) return environmentDestination({ env, cwd, problems });
  problems.add(
    tree.places.nearestKey(['destinations']),
    ['destinations'],
    'no destination; add one here, or set the environment variable OTEL_EXPORTER_OTLP_ENDPOINT',
  );
  return undefined;
}

function assemble(file: string, cwd: string, { settings, sources, environment, metrics }: Parts): Config {
  if (settings === undefined)
    throw new Error('The settings are missing although no problem was found in them.');
  const named = Object.entries(settings.destinations ?? {}).map(([name, block]) =>
    toDestination(name, block),
  );
  return {
    file,
    state: toState(cwd, settings.state),
    replica: settings.replica,
    destinations: environment === undefined ? named : [environment],
    sources,
    admin: settings.admin && {
      listen: settings.admin.listen,
      allowances: definedOnly(settings.admin.allowances),
    },
    log: settings.log,
    metrics,
    heartbeat: settings.heartbeat ?? undefined,
  };
}

function definedOnly(record: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

function noType(): never {
  throw new Error('this program loads no source types from outside');
}

interface KnownTypes {
  readonly types: LoadableTypes;
  /** False: one that the configuration names could not be loaded, which was reported. */
  readonly complete: boolean;
}

/** Checks each source against the options of its type. Invalid ones are added to `problems` and left out. */
async function readSources(
  tree: Tree,
  { cwd, files, ...known }: KnownTypes & Pick<LoadOptions, 'cwd'> & { readonly files: readonly ParsedFile[] },
  problems: Problems,
): Promise<SourceConfig[]> {
  const sources: SourceConfig[] = [];
  for (const [name, block] of membersOf(tree.value['sources'])) {
    const definition = isRecord(block) ? await typeOf(block, name, { tree, ...known, problems }) : undefined;
    if (definition === undefined || !isRecord(block)) continue;
    openFileOptions(block, ['sources', name], { tree, cwd, problems, names: definition.fileOptions ?? [] });
    const options = checkBlock(definition.options, ['sources', name], tree, problems);
    if (options === undefined) continue;
    const source = { name, definition, options, namespace: namespaceOf(options) };
    const { shape } = options;
    if (shape === undefined) sources.push(source);
    else {
      // It loads the names of ECS, and CEL where there are expressions.
      const { readShape } = await import('./shape.ts');
      sources.push({ ...source, shape: await readShape({ source, shape, tree, files, problems }) });
    }
  }
  return sources;
}

interface Context extends KnownTypes {
  readonly tree: Tree;
  readonly problems: Problems;
}

async function typeOf(
  block: Record<string, unknown>,
  name: string,
  { tree, types, complete, problems }: Context,
): Promise<Source | undefined> {
  const type = block['type'];
  const definition = typeof type === 'string' ? types.get(type) : undefined;
  if (definition !== undefined) return typeof definition === 'function' ? definition() : definition;
  const path = ['sources', name, 'type'];
  if (tree.unfilled.has(identify(path)) || (typeof type === 'string' && !complete)) return undefined;
  const ids = [...types.keys()].toSorted();
  const known = ids.join(', ');
  const message =
    typeof type === 'string'
      ? `unknown source type${quoted(path, tree)}${didYouMean(type, ids, '`') || '.'} Known types: ${known}`
      : `missing; expected one of ${known}`;
  problems.add(tree.places.value(path), path, message);
  return undefined;
}

function namespaceOf(options: CommonOptions & { readonly namespace?: unknown }): string | undefined {
  return typeof options.namespace === 'string' ? options.namespace : undefined;
}
