import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { parseJson, toJson } from '../../core/json.ts';
import { type SourceIdentity, streamKey } from '../../core/stream-key.ts';
import {
  OWN_TYPE,
  type PollRecord,
  type SourceStore,
  type StreamIdentity,
  type StreamState,
  type StreamStore,
} from '../collection.ts';
import type { PageCommit } from '../journal.ts';
import { type KnownSource, requireSameSource } from '../source-identity.ts';
import { fromStored, toStored } from '../stored-text.ts';
import { type StreamRow, toStreamState } from '../stream-row.ts';
import { type Connection, orUndefined } from './connection.ts';

interface SourceRow extends KnownSource {
  readonly nextDue: number | null;
}

/** The sources by name, and which streams no source claims any more. */
export class SqliteSources implements SourceStore {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async open(sources: readonly SourceIdentity[]): Promise<void> {
    this.#connection.transact(() => {
      for (const source of sources) this.#requireSame(source);
      for (const { name, type, origin, account } of sources)
        this.#connection.run(
          `INSERT INTO source (name, type, origin, account) VALUES (:name, :type, :origin, :account)
           ON CONFLICT (name) DO UPDATE
           SET type = excluded.type, origin = excluded.origin, account = excluded.account`,
          { name, type, origin, account },
        );
      this.#connection.run(
        'UPDATE stream SET orphaned = 1 WHERE source NOT IN (SELECT value FROM json_each(:names))',
        { names: JSON.stringify(sources.map(({ name }) => name)) },
      );
    });
  }

  async requireSame(sources: readonly SourceIdentity[]): Promise<void> {
    for (const source of sources) this.#requireSame(source);
  }

  async orphanStreams(source: string, scopes: readonly string[]): Promise<void> {
    this.#connection.run(
      `UPDATE stream SET orphaned = 1
       WHERE source = :source AND orphaned = 0 AND type <> :own
         AND scope NOT IN (SELECT value FROM json_each(:scopes))`,
      { source, own: OWN_TYPE, scopes: JSON.stringify(scopes.map(toStored)) },
    );
  }

  async setNextDue(name: string, at: number): Promise<void> {
    this.#connection.run(
      `INSERT INTO source (name, next_due) VALUES (:name, :at)
       ON CONFLICT (name) DO UPDATE SET next_due = excluded.next_due`,
      { name, at },
    );
  }

  async nextDue(name: string): Promise<number | undefined> {
    return orUndefined(this.#find(name)?.nextDue);
  }

  #requireSame(source: SourceIdentity): void {
    requireSameSource(source, this.#find(source.name), 'state.path');
  }

  #find(name: string): SourceRow | undefined {
    return this.#connection.first(
      'SELECT type, origin, account, next_due AS nextDue FROM source WHERE name = :name',
      { name },
    );
  }
}

const SELECT = `
  SELECT key, source, type, origin, account, scope, cursor_version AS cursorVersion, cursor,
    last_complete AS lastComplete, last_error AS lastError, deferred, dropped, orphaned, known_since AS knownSince, asked,
    coalesce(entries, 0) AS ledger, coalesce(bytes, 0) AS ledgerBytes,
    (SELECT to_at FROM coverage WHERE coverage.stream = stream.id ORDER BY from_at DESC LIMIT 1) AS readUpTo
  FROM stream LEFT JOIN ledger_size ON ledger_size.stream = stream.id`;
const SELECT_ONE = `${SELECT} WHERE key = :key`;
const SELECT_SOME = `${SELECT} WHERE type <> :own AND key > :after ORDER BY key LIMIT :limit`;

/** Streams that are read before others take their turn. */
const AT_ONCE = 500;

/** The streams, their cursors, and how their last poll went. Other tables name a stream by its row id. */
export class SqliteStreams implements StreamStore {
  readonly #connection: Connection;
  readonly #clock: Clock;
  /** Versions that this release writes cursors in, by stream key. */
  readonly #versions = new Map<string, number>();
  readonly #ids = new Map<string, number>();
  /** Cursors as they were last read: most of a thousand have not moved since. */
  readonly #parsed = new Map<string, { readonly text: string; readonly cursor: unknown }>();

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async open(identity: StreamIdentity): Promise<StreamState> {
    return this.#open(identity);
  }

  async openAll(identities: readonly StreamIdentity[]): Promise<readonly StreamState[]> {
    return this.#connection.transact(() => identities.map((identity) => this.#open(identity)));
  }

  async all(): Promise<readonly StreamState[]> {
    const found: StreamState[] = [];
    for (let after = ''; ;) {
      const rows = this.#connection.all<StreamRow>(SELECT_SOME, { own: OWN_TYPE, after, limit: AT_ONCE });
      found.push(...rows.map(toStreamState));
      const last = rows.at(-1);
      if (last === undefined || rows.length < AT_ONCE) return found;
      after = last.key;
      await turn();
    }
  }

  async cursors({
    type,
    origin,
    account,
  }: Omit<SourceIdentity, 'name'>): Promise<ReadonlyMap<string, unknown>> {
    const rows = this.#connection.all<{ key: string; scope: string; cursor: string }>(
      `SELECT key, scope, cursor FROM stream
       WHERE type = :type AND origin = :origin AND account = :account AND cursor IS NOT NULL`,
      { type, origin, account },
    );
    return new Map(rows.map(({ key, scope, cursor }) => [fromStored(scope), this.#parse(key, cursor)]));
  }

  /** The row id of a stream; null, which no row has, when it was never opened. */
  find(key: string): number | null {
    const known = this.#ids.get(key) ?? this.#selectId(key);
    if (known !== undefined) this.#ids.set(key, known);
    return known ?? null;
  }

  /** @throws Error when the stream was never opened: a bug of the caller. */
  require(key: string): number {
    const id = this.find(key);
    if (id === null) throw new Error(`Stream ${key} must be opened before it is written to.`);
    return id;
  }

  /** What a page changes of its stream. `now` is our clock, by which readiness judges the age of a complete poll. */
  move(
    id: number,
    { stream, lane = 'live', cursor, deferred, dropped = 0, complete }: PageCommit,
    now: number,
  ): void {
    const moved = cursor !== undefined;
    this.#connection.run(
      `UPDATE stream SET cursor = coalesce(:cursor, cursor), cursor_version = coalesce(:version, cursor_version),
         deferred = coalesce(:deferred, deferred), last_complete = coalesce(:complete, last_complete),
         dropped = dropped + :dropped, last_error = iif(:complete IS NULL, last_error, NULL)
       WHERE id = :id`,
      {
        id,
        cursor: moved ? toJson(cursor) : null,
        version: (moved ? this.#versions.get(stream) : undefined) ?? null,
        deferred: lane === 'live' ? (deferred ?? null) : null,
        dropped,
        complete: complete === true ? now : null,
      },
    );
  }

  /** A complete poll clears the last error; a poll that was only cut leaves it. */
  noteOutcome(id: number, { outcome, error, requests, at }: PollRecord): void {
    if (requests > 0) this.#connection.run('UPDATE stream SET asked = :at WHERE id = :id', { id, at });
    if (outcome !== 'complete' && error === undefined) return;
    const last = outcome === 'complete' ? null : (error ?? null);
    this.#connection.run('UPDATE stream SET last_error = :last WHERE id = :id', { id, last });
  }

  #open(identity: StreamIdentity): StreamState {
    const { source, type, origin, account, cursorVersion } = identity;
    this.#versions.set(streamKey(identity), cursorVersion);
    const key = toStored(streamKey(identity));
    const known = this.#connection.first<StreamRow>(SELECT_ONE, { key });
    if (known?.source === source && known.orphaned === 0) return toStreamState(known);
    this.#connection.run(
      `INSERT INTO stream (key, source, type, origin, account, scope, cursor_version, known_since)
       VALUES (:key, :source, :type, :origin, :account, :scope, :cursorVersion, :now)
       ON CONFLICT (key) DO UPDATE SET source = excluded.source, orphaned = 0`,
      {
        key,
        source,
        type,
        origin,
        account,
        scope: toStored(identity.scope),
        cursorVersion,
        now: this.#clock.now(),
      },
    );
    return toStreamState(this.#connection.first<StreamRow>(SELECT_ONE, { key }) as StreamRow);
  }

  #selectId(key: string): number | undefined {
    return this.#connection.first<{ id: number }>('SELECT id FROM stream WHERE key = :key', {
      key: toStored(key),
    })?.id;
  }

  #parse(key: string, text: string): unknown {
    const known = this.#parsed.get(key);
    if (known?.text === text) return known.cursor;
    const cursor = parseJson(text);
    this.#parsed.set(key, { text, cursor });
    return cursor;
  }
}
