import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Waiters } from '../../src/simulators/server.ts';

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;

/** A finished process. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it wrote on stderr so far. */
  stderr(): string;
  /** Resolves when this was written on stderr so often, since the start. */
  said(words: string, times?: number): Promise<void>;
}

interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** A program and its arguments that the command line is given to: `strace …`. */
  readonly under?: readonly string[];
}

/** Starts the built CLI as a process of its own, with a clean environment. */
export function startCli(args: readonly string[], { under = [], ...options }: SpawnOptions = {}): Running {
  return startProgram([...under, process.execPath, MAIN, ...args], options);
}

/** Starts any program with a clean environment. */
export function startProgram(
  [program = '', ...args]: readonly string[],
  { cwd, env = {}, stdin }: Omit<SpawnOptions, 'under'> = {},
): Running {
  const child = spawn(program, args, {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // One that ends before it has read its input says so by its code.
  child.stdin.on('error', () => undefined).end(stdin ?? '');
  const output = text(child.stdout).catch(() => '');
  const waiters = new Waiters();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    waiters.check();
  });
  const ended = once(child, 'close').then(async ([code, signal]) => {
    return {
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: await output,
      stderr,
    };
  });
  return {
    child,
    ended,
    stderr: () => stderr,
    said: (words, times = 1) => waiters.until(() => stderr.split(words).length > times),
  };
}

/** Runs the built CLI to its end. */
export function runCli(args: readonly string[], options?: SpawnOptions): Promise<Ended> {
  return startCli(args, options).ended;
}

/** A directory of its own for one test, with a configuration file in it (made for its path); removed when disposed. */
export async function workspace(
  config?: string | ((path: string) => string),
): Promise<AsyncDisposable & { readonly path: string; readonly config: string }> {
  const path = await mkdtemp(join(tmpdir(), 'penstock-test-'));
  const file = join(path, 'penstock.yaml');
  if (config !== undefined) await writeFile(file, typeof config === 'string' ? config : config(path));
  return {
    path,
    config: file,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
    },
  };
}
