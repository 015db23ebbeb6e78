import { loadConfig } from '../config/load.ts';
import { createLogger } from '../observe/log.ts';
import type { Host } from '../runtime/host.ts';
import type { LoadedConfig } from '../runtime/reload.ts';
import { loadType, sourceLoaders } from '../sources/registry.ts';

/** What the process gives a command, so that a test can give its own. */
export interface Io extends Host {
  readonly cwd: string;
  /** Input that a command reads, or an operator's answer to a question. */
  readonly stdin: Input;
  /** Results. */
  readonly stdout: Output;
  /** The log, progress, errors. */
  readonly stderr: Output;
  /** Program and first arguments of another Penstock process, for the command that starts one. Default: this program. */
  readonly program?: readonly string[];
}

interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean;
}

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command ends with: the exit code of the process. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5;

/** Reads the configuration that the flags name, and makes the log that it asks for. Throws ConfigError. */
export async function setUp(io: Io, flags: Readonly<Record<string, unknown>>): Promise<LoadedConfig> {
  const file = flags['config'] as string | undefined;
  const { env, cwd } = io;
  const config = await loadConfig({ file, env, types: await sourceLoaders(), loadType, cwd });
  return { config, log: await createLogger({ ...config.log, stream: io.stderr }) };
}

/** As `setUp`, for a command that somebody watches: a wait for a quota is shown even if `log.level` is higher. */
export async function setUpVisibly(io: Io, flags: Readonly<Record<string, unknown>>): Promise<LoadedConfig> {
  const { config } = await setUp(io, flags);
  const level = config.log.level === 'debug' ? 'debug' : 'info';
  return { config, log: await createLogger({ ...config.log, level, stream: io.stderr }) };
}
