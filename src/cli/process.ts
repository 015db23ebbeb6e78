import process from 'node:process';
import type { Writable } from 'node:stream';
import { systemClock } from '../clock.ts';
import { takeOtelEnvironment } from '../config/otel-environment.ts';
import { EXIT } from '../errors.ts';
import type { ExitCode, Io } from './io.ts';
import { runProgram } from './program.ts';

/** How long an ending process may take after a stop, before it ends anyway: the journal is durable at every instant. */
const LONGEST_STOP = 8_000;

/** Runs the command of this process's arguments, and ends the process with its exit code. */
export async function runProcess(): Promise<void> {
  const stop = new AbortController();
  process.on('SIGTERM', () => halt(stop));
  process.on('SIGINT', () => halt(stop));
  // A reader that went away (`| head`) ends the output, not the work.
  process.stdout.on('error', () => stop.abort());
  const code = await runProgram(process.argv.slice(2), processIo(stop.signal));
  await Promise.all([written(process.stdout), written(process.stderr)]);
  end(code);
}

/** A pipe holds some kilobytes; what its reader has not taken yet would end with the process. */
function written(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.write('', () => resolve());
  return promise;
}

function processIo(stop: AbortSignal): Io {
  return {
    // The OpenTelemetry exporters would merge these variables into what each destination is given.
    env: { ...process.env, ...takeOtelEnvironment(process.env) },
    cwd: process.cwd(),
    clock: systemClock,
    random: Math.random,
    startedAt: Date.now() - process.uptime() * 1000,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
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

/** Commands that go on until they are stopped. */
const ENDLESS = ['run', 'demo', 'simulate', 'status'];

/** For an end that the command did not come to itself: any command that ends by itself is cut short by it. */
function codeOfStop(): ExitCode {
  return ENDLESS.includes(process.argv[2] ?? '') ? EXIT.done : EXIT.incomplete;
}

function end(code: ExitCode): never {
  process.exit(code);
}
