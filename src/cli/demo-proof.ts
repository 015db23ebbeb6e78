import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { stringify } from 'yaml';
import { datasetOf, type DemoShow, OF_EACH } from './demo-show.ts';
import type { Io } from './io.ts';
import { EXIT } from '../core/errors.ts';
import { MANIFEST } from '../core/version.ts';
import { type DemoVendors, judge, startDemoVendors, type Verdict } from '../simulators/demo.ts';
import type { ReceivedRecord } from '../simulators/otlp-receiver-decode.ts';
import { ACCEPTED, type Receiver, startReceiver } from '../simulators/otlp-receiver.ts';
import { say } from './output.ts';

/** The pipeline is killed after this time at the latest. Milliseconds. */
const LONGEST_LIFE = 60_000;

/** Logins older than this have been read: `settle`, plus the second that a `Date` header rounds off. Milliseconds. */
const SETTLED = 3_000;

/** How long the pipeline is down, so that logins meanwhile are settled when it is back. Milliseconds. */
const DEAD = SETTLED + 200;

/** The vendors and the receiver that the pipeline runs between. */
export interface Stage extends AsyncDisposable {
  readonly show: DemoShow;
  readonly vendors: DemoVendors;
  readonly receiver: Receiver;
  /** The pipeline's configuration file, in a temporary directory that is removed at the end. */
  readonly file: string;
}

/** Starts the vendors and the receiver, and writes the configuration of a pipeline between them. */
export async function setStage(io: Io, show: DemoShow): Promise<Stage> {
  const ended = new AbortController();
  const signal = AbortSignal.any([io.stop, ended.signal]);
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'penstock-demo-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const vendors = opened.use(await startDemoVendors({ ...io, signal }));
  opened.defer(() => ended.abort());
  const receiver = opened.use(await startReceiver({ clock: io.clock, onRecords: show.arrived }));
  const settings = {
    state: { path: join(directory, 'state') },
    // Small requests, so that the kill hits one of several.
    destinations: { receiver: { endpoint: receiver.url, max_request_bytes: '16KiB' } },
    sources: vendors.sources,
    log: { level: 'warn' },
  };
  const file = join(directory, 'penstock.yaml');
  await writeFile(file, stringify(settings), { mode: 0o600 });
  const resources = opened.move();
  return { show, vendors, receiver, file, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** Lets the pipeline run, kills it, starts it again, and compares. Rejects with an AbortError at a stop. */
export async function prove(io: Io, stage: Stage): Promise<Verdict> {
  const { show, vendors, receiver, file } = stage;
  await runAndKill(io, stage);
  vendors.logIn(3);
  show.step(`The pipeline stays down for ${DEAD / 1000} s. Meanwhile each console gets 3 more logins.`);
  await io.clock.sleep(DEAD, io.stop);
  const restarted = io.clock.now();
  await using pipeline = new DemoPipeline(io, ['once', '--deadline', '60s', '--config', file]);
  show.step(`Restarted on the same state as process ${pipeline.pid}.`);
  const code = await unlessStopped(pipeline.ended, io.stop);
  if (code !== EXIT.done)
    show.step(`The pipeline ended with ${code === undefined ? 'a signal' : `exit code ${code}`}.`);
  return judge(vendors, receiver.received(), {
    loginsBefore: restarted - SETTLED,
    incidentsBefore: restarted,
    bucketOf: io.clock.now(),
  });
}

/** Kills the pipeline when enough events of every source have arrived to show some, at a request that is half accepted and not answered. */
async function runAndKill(io: Io, { show, vendors, receiver, file }: Stage): Promise<void> {
  const datasets = Object.keys(vendors.sources).length;
  await using pipeline = new DemoPipeline(io, ['run', '--config', file]);
  const reached = new AbortController();
  receiver.answer = ({ records }) => {
    const half = Math.ceil(records.length / 2);
    const accepted = [...receiver.received(), ...records.slice(0, half)];
    if (showable(accepted) < datasets) return ACCEPTED;
    show.typical(accepted);
    show.step(
      `SIGKILL to process ${pipeline.pid}: the receiver has accepted ${half} of ${records.length} records of a request and has not responded.`,
    );
    pipeline.kill();
    reached.abort();
    return { ...ACCEPTED, fault: 'hang', take: (_record, index) => index < half };
  };
  const longest = io.clock.sleep(LONGEST_LIFE, reached.signal).catch(() => undefined);
  await unlessStopped(Promise.race([longest, pipeline.ended]), io.stop);
  receiver.answer = () => ACCEPTED;
  if (reached.signal.aborted) return;
  reached.abort();
  show.typical(receiver.received());
  show.step('The pipeline ended before events of every source arrived.');
}

/** Of how many sources enough events have arrived to show. */
function showable(records: readonly ReceivedRecord[]): number {
  const bySource = [...Map.groupBy(records, datasetOf).values()];
  return bySource.filter((ofSource) => new Set(ofSource.map(({ uid }) => uid)).size >= OF_EACH).length;
}

/** Rejects with the signal's reason when it aborts first. */
async function unlessStopped<T>(awaited: Promise<T>, stop: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(stop.reason as Error);
  stop.addEventListener('abort', abort, { once: true });
  try {
    stop.throwIfAborted();
    return await Promise.race([awaited, promise]);
  } finally {
    stop.removeEventListener('abort', abort);
  }
}

/** Penstock as a separate process with the demo's configuration. Disposing kills it if it is still running. */
export class DemoPipeline implements AsyncDisposable {
  /** Resolves with the exit code when the process has ended; undefined after a signal. Rejects when it cannot be started. */
  readonly ended: Promise<number | undefined>;
  readonly #child: ChildProcess;

  /** Starts it with these arguments; its log goes to our stderr. */
  constructor(io: Io, args: readonly string[]) {
    const [program, ...rest] = [...(io.program ?? thisProgram()), ...args];
    const temporary = io.env['TMPDIR'];
    // No other variable of the operator's shell may change the demo.
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

  /** As `kill -9` does: the process cannot write or send anything more. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.ended.catch(() => undefined);
  }
}

/** The program that this module is part of, built or from source. */
function thisProgram(): readonly string[] {
  const main = import.meta.filename.endsWith('.ts') ? 'src/main.ts' : 'dist/main.js';
  return [process.execPath, join(dirname(MANIFEST), main)];
}
