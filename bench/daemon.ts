import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOf, endedWithUs, PENSTOCK, PRELOAD, type Usage } from './measure.ts';

/** How late the event loop was, milliseconds. */
export interface LoopDelay {
  readonly p99: number;
  readonly max: number;
}

/** What a daemon cost from its start to its end. */
export interface DaemonUsage extends Omit<Usage, 'wallSeconds'> {
  /** Since `measureLoop`. */
  readonly loopDelay?: LoopDelay;
}

/** The longest that anything is waited for. Milliseconds. */
const LONGEST_WAIT = 1_200_000;

/** A running `penstock run`, with its admin endpoint. Ended when it goes out of scope. */
export class Daemon implements AsyncDisposable {
  readonly admin: string;
  readonly #child: ChildProcess;
  readonly #usage: string;
  readonly #endedWithUs: Disposable;
  #stderr = '';

  private constructor(child: ChildProcess, { admin, usage }: { admin: string; usage: string }) {
    this.#child = child;
    this.#endedWithUs = endedWithUs(child);
    this.admin = admin;
    this.#usage = usage;
    child.stderr?.on('data', (chunk) => (this.#stderr = `${this.#stderr}${chunk}`.slice(-20_000)));
  }

  /** `config` without `log` and `admin`. Watching the event loop costs CPU time and memory itself. */
  static async start(config: string, directory: string, { watchLoop = false } = {}): Promise<Daemon> {
    const listen = `127.0.0.1:${await freePort()}`;
    const file = join(directory, 'daemon.yaml');
    const usage = join(directory, 'usage.json');
    await writeFile(file, `${config}admin: { listen: "${listen}" }\nlog: { level: warn }\n`);
    const child = spawn(process.execPath, ['--import', PRELOAD, PENSTOCK, 'run', '-c', file], {
      env: {
        ...process.env,
        PENSTOCK_BENCH_USAGE: usage,
        ...(watchLoop && { PENSTOCK_BENCH_LOOP: '1' }),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return new Daemon(child, { admin: `http://${listen}`, usage });
  }

  /** Resolves when `met` does with true. @throws when the daemon ends before, or after a long time */
  async until(what: string, met: () => boolean | Promise<boolean>, every = 50): Promise<void> {
    const latest = performance.now() + LONGEST_WAIT;
    while (!(await met())) {
      this.requireRunning(what);
      if (performance.now() > latest) throw new Error(`Waited too long for ${what}:\n${this.#stderr}`);
      await sleep(every);
    }
  }

  /** @throws when it has ended before what was waited for */
  requireRunning(what: string): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null)
      throw new Error(`The daemon ended before ${what}:\n${this.#stderr}`);
  }

  /** Resident memory now, MiB. */
  residentMiB(): Promise<number> {
    return this.#memory('VmRSS');
  }

  /** The most that was resident so far, MiB. */
  peakMiB(): Promise<number> {
    return this.#memory('VmHWM');
  }

  async #memory(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  }

  /** CPU time of all its threads so far, in seconds. */
  async cpuSeconds(): Promise<number> {
    return (await cpuSecondsOf(this.#child.pid ?? 0)).own;
  }

  /** The sum of a metric's values whose labels contain this text; 0 before the endpoint answers. */
  async metric(name: string, labels = ''): Promise<number> {
    const answer = await fetch(`${this.admin}/metrics`).catch(() => undefined);
    const lines = (await answer?.text())?.split('\n') ?? [];
    return lines
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** From now on the delay of the event loop counts; it must have been started with `watchLoop`. */
  measureLoop(): void {
    this.#child.kill('SIGUSR2');
  }

  /** Stops it. @throws when it does not end well */
  async stop(): Promise<DaemonUsage> {
    const ended = once(this.#child, 'close') as Promise<[number | null]>;
    this.#child.kill('SIGTERM');
    const [code] = await ended;
    if (code !== 0) throw new Error(`The daemon ended with ${String(code)}:\n${this.#stderr}`);
    return JSON.parse(await readFile(this.#usage, 'utf8')) as DaemonUsage;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _ended = this.#endedWithUs;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
