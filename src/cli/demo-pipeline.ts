import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { MANIFEST } from '../core/version.ts';
import { type Io, say } from './io.ts';

/** Penstock as a process of its own, on the demo's configuration. Disposing it kills it, where it has not ended yet. */
export class DemoPipeline implements AsyncDisposable {
  /** Resolves with its exit code when it has ended; undefined when a signal ended it. Rejects when it cannot be started. */
  readonly ended: Promise<number | undefined>;
  readonly #child: ChildProcess;

  /** Starts it with these arguments. What it logs is on our stderr. */
  constructor(io: Io, args: readonly string[]) {
    const [program, ...rest] = [...(io.program ?? thisProgram()), ...args];
    const temporary = io.env['TMPDIR'];
    // No other variable of the operator's shell changes the demo.
    this.#child = spawn(program as string, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: temporary === undefined ? {} : { TMPDIR: temporary },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => say(io.stderr, text));
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    this.#child.on('error', reject).on('close', (code) => resolve(code ?? undefined));
    this.ended = promise;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** As `kill -9` does: it cannot save, answer or say anything any more. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.ended.catch(() => undefined);
  }
}

/** The program that this module is part of, as it is built or as it is written. */
function thisProgram(): readonly string[] {
  const main = import.meta.filename.endsWith('.ts') ? 'src/main.ts' : 'dist/main.js';
  return [process.execPath, join(dirname(MANIFEST), main)];
}
