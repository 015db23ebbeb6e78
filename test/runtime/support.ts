import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLogger } from '../../src/observe/log.ts';
import { type App, openApp } from '../../src/runtime/app.ts';
import { runLoops } from '../../src/runtime/loops.ts';
import { type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { workspace } from '../support/cli.ts';
import { arrivedTuple, multiset, tupleOf } from '../support/truth.ts';

const TOKEN = 'token-of-the-replicas-test';
const MINUTE = 60_000;

interface ReplicaLabOptions {
  /** Of the database. */
  readonly url: string;
  readonly schema: string;
  /** Milliseconds. */
  readonly lease: number;
  readonly consoles: number;
  readonly receivers: number;
  /** More options of each source. */
  readonly source?: Readonly<Record<string, unknown>>;
  /** As in the configuration. Default: seldom. */
  readonly heartbeat?: string;
  /** More options of the state. */
  readonly state?: Readonly<Record<string, unknown>>;
}

/** Consoles and receivers, and apps in this process that share one state on PostgreSQL, by the real clock. */
export class ReplicaLab implements AsyncDisposable {
  readonly consoles: readonly SimulatedConsole[];
  readonly receivers: readonly Receiver[];
  readonly replicas: TestReplica[] = [];
  readonly #space: Awaited<ReturnType<typeof workspace>>;
  readonly #random = seeded(41);
  readonly #lease: number;

  private constructor(
    consoles: readonly SimulatedConsole[],
    receivers: readonly Receiver[],
    space: Awaited<ReturnType<typeof workspace>>,
    lease: number,
  ) {
    this.consoles = consoles;
    this.receivers = receivers;
    this.#space = space;
    this.#lease = lease;
  }

  static async open({
    url,
    schema,
    lease,
    source,
    heartbeat = '1h',
    state,
    ...counts
  }: ReplicaLabOptions): Promise<ReplicaLab> {
    const random = seeded(7);
    const now = Date.now();
    const clock = systemClock;
    const rows = () => loginAttempts({ random, count: 20, from: now - 60 * MINUTE, to: now - 2 * MINUTE });
    const consoles = await Promise.all(
      Array.from({ length: counts.consoles }, () => startConsole({ clock, token: TOKEN, rows: rows() })),
    );
    const receivers = await Promise.all(
      Array.from({ length: counts.receivers }, () => startReceiver({ clock })),
    );
    const type = 'qradar-login-attempts';
    const sources = consoles.map(({ url: base_url }, index) => [
      `console-${index}`,
      { type, base_url, token: TOKEN, schedule: 'every 1s', settle: '0s', ...source },
    ]);
    const destinations = receivers.map((receiver, index) => [`siem-${index}`, { endpoint: receiver.url }]);
    const space = await workspace();
    const config = {
      state: { postgres: { url, schema }, lease: `${lease}ms`, ...state },
      heartbeat,
      sources: Object.fromEntries(sources),
      destinations: Object.fromEntries(destinations),
    };
    await writeFile(space.config, stringify(config));
    return new ReplicaLab(consoles, receivers, space, lease);
  }

  async start(name: string): Promise<TestReplica> {
    const log: Record<string, unknown>[] = [];
    const stream = { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) };
    const { path: cwd, config: file } = this.#space;
    const config = await loadConfig({ file, env: {}, types: await loadSources(), cwd });
    const app = await openApp({
      config: { ...config, replica: name },
      env: {},
      clock: systemClock,
      random: Math.random,
      log: await createLogger({ level: 'info', format: 'json', stream }),
      mode: 'run',
      collecting: new AbortController().signal,
      delivering: new AbortController().signal,
    });
    const replica = new TestReplica(app, log);
    this.replicas.push(replica);
    return replica;
  }

  /** A new row at each console. */
  signIn(): void {
    for (const console of this.consoles) console.add([loginAttempt(this.#random, Date.now(), console.users)]);
  }

  /** Whether all that the consoles have has arrived at each receiver, as often as there. */
  get isExact(): boolean {
    const rows = this.consoles.flatMap((console) => console.rows as LoginAttempt[]);
    const expected = multiset(rows.map(tupleOf));
    return this.receivers.every((receiver) => {
      const arrived = multiset(rowsAt(receiver).map(arrivedTuple));
      return (
        arrived.size === expected.size && [...expected].every(([key, count]) => arrived.get(key) === count)
      );
    });
  }

  /** Waits until it is so; with two leases for replicas, and some time for a busy machine. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + 2 * this.#lease + 10_000;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`It did not become so. The log:\n${this.#lines()}`);
      await pause(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    for (const one of [...this.consoles, ...this.receivers]) await one[Symbol.asyncDispose]();
    await this.#space[Symbol.asyncDispose]();
  }

  #lines(): string {
    return this.replicas.flatMap(({ log }) => log.map((line) => JSON.stringify(line))).join('\n');
  }
}

/** One app of several in this process, with its own log. */
export class TestReplica {
  readonly app: App;
  readonly log: readonly Record<string, unknown>[];
  readonly #ended: Promise<void>;
  #stopped: Promise<void> | undefined;

  constructor(app: App, log: readonly Record<string, unknown>[]) {
    this.app = app;
    this.log = log;
    this.#ended = runLoops(app, { lookEvery: 100 });
    this.#ended.catch(() => undefined);
  }

  /** The sources that it works on now. */
  get sources(): readonly string[] {
    const names = this.app.config.sources.map(({ name }) => name);
    return names.filter((name) => this.app.units.source(name) !== undefined);
  }

  get destinations(): readonly string[] {
    return this.app.units.deliveries.map(({ destination }) => destination.name);
  }

  /** Lines of its log with this message. */
  logged(message: string): readonly Record<string, unknown>[] {
    return this.log.filter((line) => line['message'] === message);
  }

  /** Ends it in order. Rejects when one of its loops failed. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.app.abort();
    await this.#ended;
    await this.app[Symbol.asyncDispose]();
  }
}

/** The login attempts that arrived at a receiver. */
function rowsAt(receiver: Receiver) {
  return receiver
    .received()
    .filter(({ record }) => record.attributes['event.dataset'] === 'qradar.login_attempts');
}
