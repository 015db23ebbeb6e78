import { Client } from 'pg';
import type { PostgresPlace } from '../../../src/config/types.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import type { Hold, Leases, Subject } from '../../../src/journal/leases.ts';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import { readableLog } from '../../http/support/rig.ts';
import { ownSchema } from '../../support/postgres.ts';
import { type PostgresProxy, startProxy } from '../../support/postgres-proxy.ts';
import { placeAt } from './databases.ts';
import { STREAM } from './commits.ts';
import { CONSOLE, SIEM } from './replicas.ts';

/** A process that holds what it works on, as `run` does. */
export interface SharingJournal extends Journal {
  readonly leases: Leases;
  /** Lines of its log, parsed. */
  readonly lines: Record<string, unknown>[];
}

/** One state that several replicas share. */
export class SharedState implements AsyncDisposable {
  readonly place: PostgresPlace;
  readonly proxy: PostgresProxy;
  readonly #client: Client;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    place: PostgresPlace,
    proxy: PostgresProxy,
    client: Client,
    resources: AsyncDisposableStack,
  ) {
    this.place = place;
    this.proxy = proxy;
    this.#client = client;
    this.#resources = resources;
  }

  static async make(settings: Partial<PostgresPlace> = {}): Promise<SharedState> {
    await using opened = new AsyncDisposableStack();
    const own = opened.use(await ownSchema());
    const place = placeAt(own.url, { schema: own.schema, ...settings });
    const proxy = opened.use(await startProxy(own.url));
    const client = opened.adopt(new Client(own.url), (used) => used.end());
    await client.connect();
    await client.query(`SET search_path = "${own.schema}"`);
    return new SharedState(place, proxy, client, opened.move());
  }

  /** Opens it as a replica; `proxied`: its connections go through the proxy. */
  async open(replica: string, { proxied = false } = {}): Promise<SharingJournal> {
    const { log, lines } = readableLog();
    const url = proxied ? placeAt(this.proxy.url).url : this.place.url;
    const journal = await openPostgres({
      place: { ...this.place, url },
      clock: systemClock,
      log,
      command: 'run',
      replica,
      fencing: 'held',
      maxBytes: 2 ** 31,
      retain: 0,
    });
    this.#resources.use(journal);
    const { leases } = journal;
    if (leases === undefined) throw new Error('It shares the state.');
    return Object.assign(journal, { leases, lines });
  }

  /** All that is stored, but for leases and replicas. */
  async contents(): Promise<Record<string, unknown>> {
    const contents: Record<string, unknown> = {};
    for (const table of TABLES) {
      const { rows } = await this.#client.query(
        `SELECT to_json(one)::text AS row FROM "${table}" AS one ORDER BY 1`,
      );
      contents[table] = rows.map(({ row }: { row: string }) => row);
    }
    return contents;
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.#client.query<Record<string, unknown>>(sql)).rows;
  }

  /** Lets the database believe that the time of every lease is over. Waits for rows that are locked. */
  async expireAll(): Promise<void> {
    await this.query("UPDATE lease SET expires_at = clock_timestamp() - interval '1 millisecond'");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

const TABLES = [
  'source',
  'stream',
  'ledger',
  'ledger_size',
  'head',
  'page',
  'destination',
  'destination_gap',
  'coverage',
  'gap',
  'poll',
  'state',
  'dead_letter',
  'job',
];

/** Takes subjects, which must be free. */
export async function holdAll(
  journal: SharingJournal,
  subjects: readonly Subject[] = [CONSOLE, SIEM],
): Promise<readonly Hold[]> {
  const holds = await journal.leases.take(subjects);
  if (holds.length < subjects.length) throw new Error('Not all are free.');
  return holds;
}

/** What a daemon writes at its start: the configured sources and destinations, and the stream of the console. */
export async function start(journal: SharingJournal): Promise<readonly Hold[]> {
  const { type, origin, account } = STREAM;
  await journal.sources.open([{ name: 'console', type, origin, account }]);
  await journal.destinations.open(['siem'], Date.now());
  const holds = await holdAll(journal);
  await journal.streams.open(STREAM);
  return holds;
}
