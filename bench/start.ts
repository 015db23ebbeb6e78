import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * How long the built program takes from its start to its end, against an empty Node: whole processes, one after another
 * in turn, so that a slow machine is slow for all. Fails when a command takes longer than its limit.
 *
 *     npm run build && node bench/start.ts [runs]      # 20 of each by default
 */
const MAIN = new URL('../dist/main.js', import.meta.url).pathname;
const TOKEN = 'token-of-the-bench';
/** The process that all others are compared with. */
const EMPTY = 'node -e 0';

interface Program {
  readonly name: string;
  readonly args: readonly string[];
  /** The goal: so many times as long as an empty Node. */
  readonly limit?: number;
}

/** What one program took. Times in milliseconds. */
export interface StartFigure {
  readonly name: string;
  readonly limit: number | undefined;
  /** Of its first run, which fills the compile cache. */
  readonly first: number;
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
  /** Median against that of an empty Node. */
  readonly ratio: number;
}

const programs = (config: string): readonly Program[] => [
  { name: EMPTY, args: ['-e', '0'] },
  { name: 'penstock --help', args: [MAIN, '--help'], limit: 3 },
  { name: 'penstock --version', args: [MAIN, '--version'], limit: 3 },
  { name: 'penstock sources', args: [MAIN, 'sources'] },
  { name: 'penstock status', args: [MAIN, 'status', '-c', config] },
  { name: 'penstock once, nothing new', args: [MAIN, 'once', '-c', config], limit: 6 },
];

/** Runs every program so many times, in turn, after one run of each that is reported apart. */
export async function measureStart(runs = 20): Promise<readonly StartFigure[]> {
  await using vendor = await startVendor();
  await using directory = await temporary();
  const config = await configuration(directory.path, vendor.url);
  const env = { ...process.env, XDG_CACHE_HOME: join(directory.path, 'cache') };
  // What is new to the first pass is not to the next.
  await timed([MAIN, 'once', '-c', config], { ...env, NODE_DISABLE_COMPILE_CACHE: '1' });
  const measured = programs(config).map((program) => ({ program, times: [] as number[] }));
  for (let run = 0; run <= runs; run += 1)
    for (const { program, times } of measured) times.push(await timed(program.args, env));
  const empty = middle(measured[0]?.times.slice(1) ?? []);
  return measured.map(({ program: { name, limit }, times: [first = 0, ...times] }) => ({
    name,
    limit,
    first,
    median: middle(times),
    fastest: Math.min(...times),
    slowest: Math.max(...times),
    ratio: middle(times) / empty,
  }));
}

const run = promisify(execFile);

/** Milliseconds from the start of a process to its end. */
async function timed(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const began = performance.now();
  await run(process.execPath, args, { env });
  return performance.now() - began;
}

function middle(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

/** A QRadar console in a process of its own. */
async function startVendor(): Promise<AsyncDisposable & { readonly url: string }> {
  const child = fork(new URL('empty-console.ts', import.meta.url), [TOKEN]);
  const [url] = (await once(child, 'message')) as [string];
  return {
    url,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

async function temporary(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'penstock-bench-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function configuration(directory: string, vendor: string): Promise<string> {
  const file = join(directory, 'penstock.yaml');
  // Nothing is sent: the console has no rows. So its port is good enough for a destination.
  await writeFile(
    file,
    `state: { path: ${directory}/state }
destinations: { siem: { endpoint: ${vendor} } }
sources: { console: { type: qradar-login-attempts, base_url: ${vendor}, token: ${TOKEN}, schedule: every 1m } }
`,
  );
  return file;
}

/** The figures as a table in Markdown. */
export function startTable(figures: readonly StartFigure[]): string {
  const lines = figures.map(({ name, limit, first, median, fastest, slowest, ratio }) => {
    const [cold, usual, least, most] = [first, median, fastest, slowest].map((ms) => ms.toFixed(0));
    const goal = limit === undefined ? '' : `≤ ${limit}`;
    return `| \`${name}\` | ${usual} | ${least}–${most} | ${cold} | ${ratio.toFixed(1)} | ${goal} |\n`;
  });
  return `| process | median, ms | from–to, ms | first, ms | × empty Node | goal |\n| --- | --- | --- | --- | --- | --- |\n${lines.join('')}`;
}

/** The figures that miss their goal. */
export function tooSlow(figures: readonly StartFigure[]): readonly StartFigure[] {
  return figures.filter(({ ratio, limit = Infinity }) => ratio > limit);
}

if (import.meta.main) {
  const figures = await measureStart(Number(process.argv[2] ?? 20));
  process.stdout.write(startTable(figures));
  for (const { name, ratio, limit } of tooSlow(figures)) {
    process.stdout.write(`${name}: ${ratio.toFixed(1)} × an empty Node, more than ${limit}\n`);
    process.exitCode = 1;
  }
}
