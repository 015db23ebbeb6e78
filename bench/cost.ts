import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { loginAttempts } from '../src/simulators/qradar-generator.ts';
import { startConsole } from '../src/simulators/qradar.ts';
import { seeded } from '../src/simulators/seeded.ts';
import { serve } from '../src/simulators/server.ts';

/**
 * What Penstock costs a login attempt against the floor (`floor.ts`), side by side in one run, so that a slow machine
 * is slow for both. CPU is that of the tool's own process; the console and the receiver run in this one.
 *
 *     npm run bench [-- rows]
 */
const rows = Number(process.argv[2] ?? 50_000);
const PAGE = 1_000;
const TOKEN = 'token-of-the-bench';
const HOUR = 3_600_000;

interface Cost {
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/** Runs a program, and reads from /proc what it cost just before it ends. */
async function measure(args: readonly string[]): Promise<Cost> {
  const report = new URL('report.ts', import.meta.url).pathname;
  const out = join(directory, 'cost.json');
  const env = { ...process.env, PENSTOCK_BENCH_OUT: out };
  const child = spawn(process.execPath, ['--import', report, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return JSON.parse(await readFile(out, 'utf8')) as Cost;
}

const directory = await mkdtemp(join(tmpdir(), 'penstock-bench-'));
const now = Date.now();
await using attempts = await startConsole({
  clock: systemClock,
  token: TOKEN,
  rows: loginAttempts({ random: seeded(1), count: rows, from: now - HOUR, to: now - 60_000 }),
});
await using sink = await serve(() => ({ status: 200 }), { clock: systemClock });
const config = join(directory, 'penstock.yaml');
await writeFile(
  config,
  `state: { path: ${directory}/state }
destinations: { siem: { endpoint: ${sink.url} } }
sources: { console: { type: qradar-login-attempts, base_url: ${attempts.url}, token: ${TOKEN}, page_size: ${PAGE}, initial_lookback: 2h, resolve_users: false } }
log: { level: warn }
`,
);
const floor = await measure([
  new URL('floor.ts', import.meta.url).pathname,
  attempts.url,
  sink.url,
  TOKEN,
  String(PAGE),
]);
const penstock = await measure([new URL('../dist/main.js', import.meta.url).pathname, 'once', '-c', config]);
await rm(directory, { recursive: true });

const perRecord = ({ cpuSeconds }: Cost) => ((cpuSeconds / rows) * 1e6).toFixed(1);
const line = (name: string, cost: Cost) =>
  `${name.padEnd(10)} ${perRecord(cost).padStart(8)} µs CPU a record  ${cost.peakMiB.toFixed(0).padStart(5)} MiB peak\n`;
process.stdout.write(
  `${rows} login attempts, pages of ${PAGE}, protobuf + gzip\n${line('floor', floor)}${line('penstock', penstock)}ratio      ${(penstock.cpuSeconds / floor.cpuSeconds).toFixed(2)}\n`,
);
