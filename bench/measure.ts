import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** What one process cost, from its start to its end. */
export interface Usage {
  /** User and system time of all its threads. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** The most memory that was resident. */
  readonly peakMiB: number;
}

/** The program as it is built; `PENSTOCK_BENCH_MAIN` names another build, such as one from before a change. */
export const PENSTOCK =
  process.env['PENSTOCK_BENCH_MAIN'] ?? join(import.meta.dirname, '..', 'dist', 'main.js');

export const PRELOAD = join(import.meta.dirname, 'usage.mjs');

/** Runs a program of this Node to its end. @throws when it ends with another code than 0 */
export async function runMeasured(args: readonly string[], directory: string): Promise<Usage> {
  const out = join(directory, 'usage.json');
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', PRELOAD, ...args], {
    env: { ...process.env, PENSTOCK_BENCH_USAGE: out },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  using _ended = endedWithUs(child);
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  const wallSeconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${String(code)}:\n${stderr}`);
  return { ...(JSON.parse(await readFile(out, 'utf8')) as Omit<Usage, 'wallSeconds'>), wallSeconds };
}

/** Kills a process when this one ends, however it ends. Disposed of when the process has ended by itself. */
export function endedWithUs(child: ChildProcess): Disposable {
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return { [Symbol.dispose]: () => process.off('exit', kill) };
}

/** Clock ticks in a second, in which /proc counts CPU time: 100 on every Linux that Node runs on. */
const TICKS = 100;

/** CPU time of all threads of a process so far, and of its children that have ended, in seconds. */
export async function cpuSecondsOf(pid: number): Promise<{ readonly own: number; readonly ended: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user = NaN, system = NaN, endedUser = NaN, endedSystem = NaN] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11)
    .map(Number);
  return { own: (user + system) / TICKS, ended: (endedUser + endedSystem) / TICKS };
}

/** A figure of several runs. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** The median and the spread of one figure in several runs. */
export function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2;
  return { median, least: sorted[0] ?? NaN, most: sorted.at(-1) ?? NaN };
}

/** How far the share that differs most is from the mean, in parts of it. */
export function unevenness(shares: readonly number[]): number {
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return Math.max(...shares.map((share) => Math.abs(share - mean))) / mean;
}

/** Tells somebody who waits what is being measured. */
export function progress(words: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${words}\n`);
}
