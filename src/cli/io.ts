import { loadConfig } from '../config/load.ts';
import type { Clock, Random } from '../core/clock.ts';
import { createLogger } from '../observe/log.ts';
import type { LoadedConfig } from '../runtime/reload.ts';
import { loadSources } from '../sources/registry.ts';

/** What the process lends a command, so that a command can be run by a test. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly random: Random;
  /** When the process started, epoch ms: deadlines count from it. */
  readonly startedAt: number;
  /** What a command is given to read, or an operator's answer to a question. */
  readonly stdin: Input;
  /** Results. */
  readonly stdout: Output;
  /** The log, progress, errors. */
  readonly stderr: Output;
  /** How many writes to stderr failed, where that can be known. */
  readonly lostLogLines?: () => number;
  /** Aborts at SIGTERM or SIGINT, and when nobody reads stdout any more. */
  readonly stop: AbortSignal;
  /** Calls the listener at each SIGHUP, which ends the process where nobody listens. Disposing ends that. */
  readonly onReload?: (listener: () => void) => Disposable;
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

/** A command's last word: the process's exit code. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5;

/** Reads the configuration that the flags name, and makes the log that it asks for. Throws ConfigError. */
export async function setUp(io: Io, flags: Readonly<Record<string, unknown>>): Promise<LoadedConfig> {
  const file = flags['config'] as string | undefined;
  const config = await loadConfig({ file, env: io.env, types: await loadSources(), cwd: io.cwd });
  return { config, log: createLogger({ ...config.log, stream: io.stderr }) };
}

/** As `setUp`, for a command that somebody watches: a wait for a quota is shown even if `log.level` is higher. */
export async function setUpVisibly(io: Io, flags: Readonly<Record<string, unknown>>): Promise<LoadedConfig> {
  const { config } = await setUp(io, flags);
  const level = config.log.level === 'debug' ? 'debug' : 'info';
  return { config, log: createLogger({ ...config.log, level, stream: io.stderr }) };
}
