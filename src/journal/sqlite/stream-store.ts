import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parseJson, toJson } from '../../core/json.ts';
import {
  OWN_TYPE,
  type PageCommit,
  type PollRecord,
  type StreamIdentity,
  type StreamState,
} from '../journal.ts';
import { Query, orUndefined } from './query.ts';
import { fromStored, toStored } from './stored-text.ts';
import { streamKey, type SourceIdentity } from '../../core/stream-key.ts';

interface StreamRow extends StreamIdentity {
  readonly key: string;
  readonly cursor: string | null;
  readonly ledger: number;
  readonly ledgerBytes: number;
  readonly knownSince: number | null;
  readonly asked: number | null;
  readonly lastComplete: number | null;
  readonly lastError: string | null;
  readonly deferred: number;
  readonly orphaned: number;
}

const COLUMNS = `
  key, source, type, origin, account, scope, cursor_version AS cursorVersion, cursor, last_complete AS lastComplete,
  last_error AS lastError, owed AS deferred, orphaned, known_since AS knownSince, asked,
  coalesce((SELECT entries FROM ledger_size WHERE ledger_size.stream = stream.id), 0) AS ledger,
  coalesce((SELECT bytes FROM ledger_size WHERE ledger_size.stream = stream.id), 0) AS ledgerBytes`;

/** The streams: their cursors, and how their last sweep went. */
export class StreamStore {
  /** Versions that this release writes cursors in, by stream key. */
  readonly #versions = new Map<string, number>();
  readonly #ids = new Map<string, number>();
  readonly #open: StatementSync;
  readonly #id: Query<{ id: number }>;
  readonly #one: Query<StreamRow>;
  readonly #all: Query<StreamRow>;
  readonly #cursors: Query<{ key: string; scope: string; cursor: string }>;
  /** Cursors as they were read last: most of a thousand have not moved since. */
  readonly #read = new Map<string, { readonly text: string; readonly cursor: unknown }>();
  readonly #move: StatementSync;
  readonly #setError: StatementSync;
  readonly #setAsked: StatementSync;
  readonly #ages: Query<{ id: number; key: string; at: number | null }>;

  constructor(database: DatabaseSync) {
    this.#open = database.prepare(
      `INSERT INTO stream (key, source, type, origin, account, scope, cursor_version, known_since)
       VALUES (:key, :source, :type, :origin, :account, :scope, :cursorVersion, :now)
       ON CONFLICT (key) DO UPDATE SET source = excluded.source, orphaned = 0`,
    );
    this.#id = new Query(database, 'SELECT id FROM stream WHERE key = :key');
    this.#one = new Query(database, `SELECT ${COLUMNS} FROM stream WHERE key = :key`);
    this.#all = new Query(database, `SELECT ${COLUMNS} FROM stream WHERE type <> '${OWN_TYPE}' ORDER BY key`);
    this.#cursors = new Query(
      database,
      `SELECT key, scope, cursor FROM stream
       WHERE type = :type AND origin = :origin AND account = :account AND cursor IS NOT NULL`,
    );
    this.#move = database.prepare(
      `UPDATE stream SET cursor = coalesce(:cursor, cursor), cursor_version = coalesce(:version, cursor_version),
         owed = coalesce(:deferred, owed), last_complete = coalesce(:complete, last_complete),
         last_error = iif(:complete IS NULL, last_error, NULL)
       WHERE id = :id`,
    );
    this.#ages = new Query(
      database,
      `SELECT id, key, (SELECT min(at) FROM ledger WHERE ledger.stream = stream.id) AS at FROM stream
       WHERE source = :source`,
    );
    this.#setAsked = database.prepare('UPDATE stream SET asked = :at WHERE id = :id');
    this.#setError = database.prepare('UPDATE stream SET last_error = :error WHERE id = :id');
  }

  open(identity: StreamIdentity, now: number): StreamState {
    const { source, type, origin, account, cursorVersion } = identity;
    this.#versions.set(streamKey(identity), cursorVersion);
    const key = toStored(streamKey(identity));
    const known = this.#one.first({ key });
    if (known?.source === source && known.orphaned === 0) return toState(known);
    this.#open.run({
      key,
      source,
      type,
      origin,
      account,
      scope: toStored(identity.scope),
      cursorVersion,
      now,
    });
    return toState(this.#one.first({ key }) as StreamRow);
  }

  all(): readonly StreamState[] {
    return this.#all.all().map(toState);
  }

  cursors({ type, origin, account }: Omit<SourceIdentity, 'name'>): ReadonlyMap<string, unknown> {
    const rows = this.#cursors.all({ type, origin, account });
    return new Map(rows.map(({ key, scope, cursor }) => [fromStored(scope), this.#parsed(key, cursor)]));
  }

  #parsed(key: string, text: string): unknown {
    const known = this.#read.get(key);
    if (known?.text === text) return known.cursor;
    const cursor = parseJson(text);
    this.#read.set(key, { text, cursor });
    return cursor;
  }

  /** The streams of a source whose ledgers hold something, and when their oldest entries are of, the oldest first. */
  ledgerAges(source: string): readonly { readonly id: number; readonly key: string; readonly at: number }[] {
    return this.#ages
      .all({ source })
      .flatMap(({ id, key, at }) => (at === null ? [] : [{ id, key: fromStored(key), at }]))
      .toSorted((one, other) => one.at - other.at);
  }

  /** The row id by which the other tables name a stream; undefined when it was never opened. */
  find(key: string): number | undefined {
    const known = this.#ids.get(key) ?? this.#id.first({ key: toStored(key) })?.id;
    if (known !== undefined) this.#ids.set(key, known);
    return known;
  }

  /** @throws Error when the stream was never opened: a bug of the caller. */
  require(key: string): number {
    const id = this.find(key);
    if (id === undefined) throw new Error(`Stream ${key} is written to and was never opened.`);
    return id;
  }

  /** What a page changes of its stream. `now` is our clock, by which readiness judges a sweep's age. */
  move(id: number, page: PageCommit, now: number): void {
    const moved = page.cursor !== undefined;
    this.#move.run({
      id,
      cursor: moved ? toJson(page.cursor) : null,
      version: (moved ? this.#versions.get(page.stream) : undefined) ?? null,
      deferred: page.lane === 'live' ? page.deferred : null,
      complete: page.complete ? now : null,
    });
  }

  /** A complete sweep clears the last error; a poll that was only cut leaves it. */
  noteOutcome(id: number, { outcome, error, requests, at }: PollRecord): void {
    if (requests > 0) this.#setAsked.run({ id, at });
    if (outcome === 'complete') this.#setError.run({ id, error: null });
    else if (error !== undefined) this.#setError.run({ id, error });
  }
}

function toState(row: StreamRow): StreamState {
  return {
    ...row,
    key: fromStored(row.key),
    scope: fromStored(row.scope),
    knownSince: orUndefined(row.knownSince),
    asked: orUndefined(row.asked),
    cursor: row.cursor === null ? undefined : parseJson(row.cursor),
    lastComplete: orUndefined(row.lastComplete),
    lastError: orUndefined(row.lastError),
    orphaned: row.orphaned === 1,
  };
}
