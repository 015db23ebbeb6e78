import type { z } from 'zod';
import { checkProxies } from './proxies.ts';
import { checkBlock } from './block.ts';
import { checkDefaults, checkRouting } from './cross-checks.ts';
import { toDestination } from './destination.ts';
import { fileReader, openFiles } from './files.ts';
import { findConfig, readConfig } from './find.ts';
import {
  checkResourceAttributes,
  environmentDestination,
  metricsReceiver,
  namesEndpoint,
} from './otel-environment.ts';
import { parseFiles, type ParsedFile } from './parse-files.ts';
import { absolutePath } from './path.ts';
import { Problems } from './problems.ts';
import { readTree } from './read-tree.ts';
import { settingsSchema } from './settings.ts';
import { checkStreams } from './same-streams.ts';
import { readSources, type SourceTypes } from './source-blocks.ts';
import { isRecord, type Tree } from './tree.ts';
import type { Config, DestinationConfig, SourceConfig } from './types.ts';

/** What a configuration is read with. */
export interface LoadOptions {
  /** `--config`: a file, or a directory whose `*.yaml` make one configuration. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly types: SourceTypes;
  /** The working directory, which relative paths count from. */
  readonly cwd: string;
}

/**
 * Finds, reads and checks the configuration. Writes nothing, asks nothing of the network.
 * @throws ConfigError with everything that is wrong, one line each: `file:line:column path: expected …`.
 */
export async function loadConfig({ file, env, types, cwd }: LoadOptions): Promise<Config> {
  const path = await findConfig({ file, env, cwd });
  const problems = new Problems();
  const files = parseFiles(await readConfig(path, cwd), problems);
  problems.throwIfAny();
  const parts = check(files, { env, types, cwd }, problems);
  problems.throwIfAny();
  return assemble(path, cwd, parts);
}

interface Parts {
  readonly settings: z.output<typeof settingsSchema> | undefined;
  readonly sources: readonly SourceConfig[];
  readonly environment: DestinationConfig | undefined;
  readonly metrics: DestinationConfig | undefined;
}

/** Every check runs, whatever another one finds. */
function check(
  files: readonly ParsedFile[],
  { env, types, cwd }: Omit<LoadOptions, 'file'>,
  problems: Problems,
): Parts {
  const tree = readTree(files, { env, readFile: fileReader(cwd) }, problems);
  openFiles(tree, cwd, problems);
  const settings = checkBlock(settingsSchema, [], tree, problems);
  const sources = readSources(tree, types, problems);
  checkDefaults(tree, [...types.keys()], problems);
  checkRouting(tree, problems);
  checkStreams(sources, tree, problems);
  checkResourceAttributes(env, problems);
  checkProxies(env, problems);
  const environment = fromEnvironment(tree, { env, cwd }, problems);
  return { settings, sources, environment, metrics: metricsReceiver({ env, cwd, problems }) };
}

/** The environment's destination, asked for only where the file names none. */
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
    'expected at least one destination, here or in the environment variable OTEL_EXPORTER_OTLP_ENDPOINT',
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
    state: {
      path: absolutePath(cwd, settings.state.path),
      maxBytes: settings.state.max_bytes,
      retain: settings.state.retain,
      allowNetworkFs: settings.state.allow_network_fs,
    },
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
