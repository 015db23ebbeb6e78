import process from 'node:process';
import type { Writable } from 'node:stream';
import { systemClock } from '../core/clock.ts';
import { EXIT } from '../core/errors.ts';
import type { ExitCode, Io, Output } from './io.ts';
import { runProgram } from './program.ts';

/** After a stop, a process ends itself after this time: the journal is durable at every instant. Milliseconds. */
const LONGEST_STOP = 8_000;

/** Runs the command that the process's arguments name, and ends the process with its exit code. */
export async function runProcess(): Promise<void> {
  const stop = new AbortController();
  process.on('SIGTERM', () => halt(stop));
  process.on('SIGINT', () => halt(stop));
  const log = new LogOutput(process.stderr);
  const reader = watchReader(stop);
  const code = await runProgram(process.argv.slice(2), processIo(stop.signal, log));
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  // A reader that closed the pipe (`| head`) has read enough: that is no failure.
  end(reader.isGone && code === EXIT.incomplete ? EXIT.done : code);
}

/** A pipe buffers some kilobytes; what its reader has not read yet would be lost when the process ends. */
function flushed(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.write('', () => resolve());
  return promise;
}

/** Stops the command, without an error, when nobody reads its results any more (`| head`). */
function watchReader(stop: AbortController): { readonly isGone: boolean } {
  const reader = { isGone: false };
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    reader.isGone = code === 'EPIPE';
    stop.abort();
  });
  return reader;
}

function processIo(stop: AbortSignal, log: LogOutput): Io {
  return {
    // The OpenTelemetry exporters would add these variables to the settings of each destination.
    env: { ...process.env, ...takeOtelEnvironment(process.env) },
    cwd: process.cwd(),
    clock: systemClock,
    random: Math.random,
    startedAt: Date.now() - process.uptime() * 1000,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: log,
    lostLogLines: () => log.lost,
    stop,
    onReload(listener) {
      process.on('SIGHUP', listener);
      return { [Symbol.dispose]: () => process.off('SIGHUP', listener) };
    },
  };
}

function halt(stop: AbortController): void {
  if (stop.signal.aborted) end(codeOfStop());
  stop.abort();
  setTimeout(() => end(codeOfStop()), LONGEST_STOP).unref();
}

/** Commands that run until they are stopped; the demo is one with `--follow`. */
const ENDLESS = ['run', 'simulate', 'status'];

/** The exit code when the process ends before its command does: a stop cuts short any command that ends by itself. */
function codeOfStop(): ExitCode {
  const isEndless = ENDLESS.includes(process.argv[2] ?? '') || process.argv.includes('--follow');
  return isEndless ? EXIT.done : EXIT.incomplete;
}

function end(code: ExitCode): never {
  process.exit(code);
}

/** A stream of the process, such as `process.stderr`. */
type ProcessStream = NodeJS.WriteStream & { readonly fd: 1 | 2 };

/**
 * Standard error of a process that keeps running when its reader is gone (`| head`) or its disk is full: writes that fail
 * are counted. Without it, Node would end the process with exit 1 at the first such error.
 */
class LogOutput implements Output {
  readonly #stream: ProcessStream;
  #lost = 0;

  constructor(stream: ProcessStream) {
    this.#stream = stream;
    // Each write counts its own error in its callback.
    stream.on('error', () => undefined);
  }

  get isTTY(): boolean {
    return this.#stream.isTTY;
  }

  get columns(): number {
    return this.#stream.columns;
  }

  /** Writes that failed. */
  get lost(): number {
    return this.#lost;
  }

  write(text: string): void {
    try {
      this.#stream.write(text, (error) => {
        if (error != null) this.#lost += 1;
      });
    } catch {
      // Writing to a file on a full disk throws immediately.
      this.#lost += 1;
    }
  }
}

/**
 * Removes every OTEL_* variable from an environment and returns them. The exporters would merge them into their settings,
 * and so send another backend's key to our destinations.
 */
export function takeOtelEnvironment(env: Record<string, string | undefined>): Record<string, string> {
  const taken: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('OTEL_')) continue;
    if (value !== undefined) taken[name] = value;
    delete env[name];
  }
  return taken;
}
