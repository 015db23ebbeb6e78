import process from 'node:process';
import type { Writable } from 'node:stream';
import { systemClock } from '../core/clock.ts';
import { takeOtelEnvironment } from '../config/otel-environment.ts';
import { EXIT } from '../core/errors.ts';
import type { ExitCode, Io } from './io.ts';
import { LogOutput } from './process-output.ts';
import { runProgram } from './program.ts';

/** How long an ending process may take after a stop, before it ends anyway: the journal is durable at every instant. */
const LONGEST_STOP = 8_000;

/** Runs the command of this process's arguments, and ends the process with its exit code. */
export async function runProcess(): Promise<void> {
  const stop = new AbortController();
  process.on('SIGTERM', () => halt(stop));
  process.on('SIGINT', () => halt(stop));
  const log = new LogOutput(process.stderr);
  const reader = watchReader(stop);
  const code = await runProgram(process.argv.slice(2), processIo(stop.signal, log));
  await Promise.all([written(process.stdout), written(process.stderr)]);
  // Whoever has seen enough has no use for the rest, nor for a word about it.
  end(reader.isGone && code === EXIT.incomplete ? EXIT.done : code);
}

/** A pipe holds some kilobytes; what its reader has not taken yet would end with the process. */
function written(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.write('', () => resolve());
  return promise;
}

/** Ends a command, quietly, when nobody reads its results any more (`| head`). */
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
    // The OpenTelemetry exporters would merge these variables into what each destination is given.
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

/** Commands that go on until they are stopped; the demo is one with `--follow`. */
const ENDLESS = ['run', 'simulate', 'status'];

/** For an end that the command did not come to itself: any command that ends by itself is cut short by it. */
function codeOfStop(): ExitCode {
  const isEndless = ENDLESS.includes(process.argv[2] ?? '') || process.argv.includes('--follow');
  return isEndless ? EXIT.done : EXIT.incomplete;
}

function end(code: ExitCode): never {
  process.exit(code);
}
