import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLogger } from '../../src/observe/log.ts';
import { type App, openApp } from '../../src/runtime/app.ts';
import { runLoops } from '../../src/runtime/loops.ts';
import { type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { workspace } from '../support/cli.ts';
import { NO_POSTGRES, ownSchema } from '../support/postgres.ts';
import { arrivedTuple, multiset, tupleOf } from '../support/truth.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';

const TOKEN = 'token-of-the-replicas-test';
const LEASE = 3_000;
const CONSOLES = 7;
const MINUTE = 60_000;

const random = seeded(41);
let consoles: SimulatedConsole[];
let receivers: Receiver[];
let schema: Awaited<ReturnType<typeof ownSchema>>;
let space: Awaited<ReturnType<typeof workspace>>;
let replicas: Replica[];

/** One app of several in this process, with its own log. */
class Replica {
  readonly log: string[] = [];
  readonly app: App;
  readonly #ended: Promise<void>;

  private constructor(app: App, log: string[]) {
    this.app = app;
    this.log = log;
    this.#ended = runLoops(app, { lookEvery: 100 });
    this.#ended.catch(() => undefined);
  }

  static async start(name: string): Promise<Replica> {
    const lines: string[] = [];
    const config = await loadConfig({
      file: space.config,
      env: {},
      types: await loadSources(),
      cwd: space.path,
    });
    const never = new AbortController().signal;
    const app = await openApp({
      config: { ...config, replica: name },
      env: {},
      clock: systemClock,
      random: Math.random,
      log: await createLogger({
        level: 'info',
        format: 'json',
        stream: { write: (line: string) => lines.push(line) },
      }),
      mode: 'run',
      collecting: never,
      delivering: never,
    });
    const replica = new Replica(app, lines);
    replicas.push(replica);
    return replica;
  }

  /** The sources that it works on now. */
  get sources(): string[] {
    return this.app.config.sources.map(({ name }) => name).filter((name) => this.app.units.source(name));
  }

  get destinations(): string[] {
    return this.app.units.deliveries.map(({ destination }) => destination.name);
  }

  async stop(): Promise<void> {
    this.app.abort();
    await this.#ended;
    await this.app[Symbol.asyncDispose]();
    replicas.splice(replicas.indexOf(this), 1);
  }
}

describe.skipIf(NO_POSTGRES !== undefined)('replicas on one PostgreSQL', () => {
  beforeEach(async () => {
    const now = Date.now();
    const rows = () => loginAttempts({ random, count: 20, from: now - 60 * MINUTE, to: now - 2 * MINUTE });
    consoles = await Promise.all(
      Array.from({ length: CONSOLES }, () =>
        startConsole({ clock: systemClock, token: TOKEN, rows: rows() }),
      ),
    );
    receivers = [await startReceiver({ clock: systemClock }), await startReceiver({ clock: systemClock })];
    schema = await ownSchema();
    space = await workspace();
    replicas = [];
    const type = 'qradar-login-attempts';
    const sources = consoles.map(({ url }, index) => [
      `console-${index}`,
      { type, base_url: url, token: TOKEN, schedule: 'every 1s', settle: '0s' },
    ]);
    const destinations = receivers.map(({ url }, index) => [`siem-${index}`, { endpoint: url }]);
    await writeFile(
      space.config,
      stringify({
        state: { postgres: { url: schema.url, schema: schema.schema }, lease: `${LEASE}ms` },
        heartbeat: '1h',
        sources: Object.fromEntries(sources),
        destinations: Object.fromEntries(destinations),
      }),
    );
  });

  afterEach(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    for (const one of [...consoles, ...receivers]) await one[Symbol.asyncDispose]();
    await schema[Symbol.asyncDispose]();
    await space[Symbol.asyncDispose]();
  });

  it('three replicas share the sources, those that stay take over, and both destinations get each row once', async () => {
    const one = await Replica.start('one');
    await until(() => one.sources.length === CONSOLES);
    const two = await Replica.start('two');
    const three = await Replica.start('three');
    await until(() => isShared(one, two, three));
    expect([one.sources.length, two.sources.length, three.sources.length]).toEqual([3, 2, 2]);
    expect([...two.destinations, ...three.destinations].toSorted()).toEqual(['siem-0', 'siem-1']);
    signIn();

    await two.stop();
    await until(() => isShared(one, three));
    expect([one.sources.length, three.sources.length]).toEqual([4, 3]);
    signIn();

    await until(() => receivers.every((receiver) => rowsAt(receiver).length >= expected().length));
    for (const receiver of receivers) {
      expect(multiset(rowsAt(receiver).map(arrivedTuple))).toEqual(multiset(expected().map(tupleOf)));
    }
  });
});

/** Whether each subject is worked on by one of these, and nobody has more than one source more than another. */
function isShared(...some: readonly Replica[]): boolean {
  const counts = some.map(({ sources }) => sources.length);
  const sources = new Set(some.flatMap((replica) => replica.sources));
  const destinations = new Set(some.flatMap((replica) => replica.destinations));
  return (
    sources.size === CONSOLES &&
    destinations.size === receivers.length &&
    Math.max(...counts) - Math.min(...counts) <= 1
  );
}

async function until(condition: () => boolean, within = 2 * LEASE + 4_000): Promise<void> {
  const end = Date.now() + within;
  while (!condition()) {
    if (Date.now() > end)
      throw new Error(`It did not become so: ${replicas.map((r) => r.log.join('')).join('\n')}`);
    await pause(50);
  }
}

/** A new row at each console. */
function signIn(): void {
  for (const console of consoles) console.add([loginAttempt(random, Date.now(), console.users)]);
}

function expected(): LoginAttempt[] {
  return consoles.flatMap(({ rows }) => rows as LoginAttempt[]);
}

/** The login attempts that arrived at a receiver. */
function rowsAt(receiver: Receiver) {
  return receiver
    .received()
    .filter(({ record }) => record.attributes['event.dataset'] === 'qradar.login_attempts');
}
