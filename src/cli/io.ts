import type { Clock, Random } from '../core/clock.ts';

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
