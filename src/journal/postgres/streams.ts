import type { Clock } from '../../core/clock.ts';
import { parseJson, toJson } from '../../core/json.ts';
import { type SourceIdentity, streamKey } from '../../core/stream-key.ts';
import {
  OWN_TYPE,
  type PollRecord,
  type StreamIdentity,
  type StreamState,
  type StreamStore,
} from '../collection.ts';
import { JournalWriteError, type PageCommit } from '../journal.ts';
import { fromStored, toStored } from '../stored-text.ts';
import { type StreamRow, toStreamState } from '../stream-row.ts';
import type { Database, Transaction } from './database.ts';

interface IdentifiedRow extends StreamRow {
  readonly id: number;
}

const SELECT = `
  SELECT id, key, source, type, origin, account, scope, cursor_version AS "cursorVersion", cursor,
    last_complete AS "lastComplete", last_error AS "lastError", deferred, dropped, orphaned,
    known_since AS "knownSince", asked, coalesce(entries, 0) AS ledger, coalesce(bytes, 0) AS "ledgerBytes",
    (SELECT to_at FROM penstock.coverage WHERE stream = one.id ORDER BY from_at DESC LIMIT 1) AS "readUpTo"
  FROM penstock.stream AS one LEFT JOIN penstock.ledger_size ON stream = id`;
const SELECT_BY_KEY = `${SELECT} WHERE key = ANY($1)`;
const SELECT_SOME = `${SELECT} WHERE type <> '${OWN_TYPE}' AND key > $1 ORDER BY key LIMIT $2`;

/** Another replica holds the source that has the stream now. $2: the source that is to have it. */
const IS_HELD = `
  EXISTS (SELECT FROM penstock.lease AS theirs WHERE kind = 'source' AND name = known.source
    AND holder IS NOT NULL AND expires_at > clock_timestamp() AND holder IS DISTINCT FROM (
      SELECT holder FROM penstock.lease WHERE kind = 'source' AND name = $2))`;
/** Nobody takes these sources while it is decided whether they are held. $1: stream keys, $2: the source that claims them. */
const LOCK_OWNERS = `
  SELECT FROM penstock.lease WHERE kind = 'source' AND name IN (
    SELECT source FROM penstock.stream WHERE key = ANY($1) AND source <> $2)
  ORDER BY name FOR UPDATE`;
const CLAIM = `
  INSERT INTO penstock.stream AS known (key, source, type, origin, account, scope, cursor_version, known_since)
  SELECT key, $2, type, origin, account, scope, version, $8
  FROM unnest($1::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[])
    AS given (key, type, origin, account, scope, version) ORDER BY key
  ON CONFLICT (key) DO UPDATE SET source = excluded.source, orphaned = false
  WHERE known.source = excluded.source OR NOT ${IS_HELD}`;

const MOVE = `
  UPDATE penstock.stream SET cursor = coalesce($2, cursor), cursor_version = coalesce($3, cursor_version),
    deferred = coalesce($4, deferred), last_complete = coalesce($5, last_complete), dropped = dropped + $6,
    last_error = CASE WHEN $5::bigint IS NULL THEN last_error END
  WHERE id = $1`;
const NOTE_OUTCOME = `
  UPDATE penstock.stream SET asked = coalesce($2, asked), last_error = CASE WHEN $3 THEN $4 ELSE last_error END
  WHERE id = $1`;

/** The row id of the stream whose key, as it is stored, is the first parameter; NULL when it was never opened. */
export const STREAM_ID = '(SELECT id FROM penstock.stream WHERE key = $1)';

/** Streams that are read with one statement. */
const AT_ONCE = 500;

/** The streams, their cursors, and how their last poll went. Other tables name a stream by its row id. */
export class PostgresStreams implements StreamStore {
  readonly #database: Database;
  readonly #clock: Clock;
  /** Versions that this release writes cursors in, by stream key. */
  readonly #versions = new Map<string, number>();
  /**
   * Row ids by source and stream key, read since a stream of the source was last opened. They are kept no longer: a hold
   * begins with opening, and before it the source may have been forgotten.
   */
  readonly #ids = new Map<string, Map<string, number>>();
  /** Cursors as they were last read: most of a thousand have not moved since. */
  readonly #parsed = new Map<string, { readonly text: string; readonly cursor: unknown }>();

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async open(identity: StreamIdentity): Promise<StreamState> {
    const [state] = await this.openAll([identity]);
    if (state === undefined) throw new Error('A stream that was opened is there.');
    return state;
  }

  async openAll(identities: readonly StreamIdentity[]): Promise<readonly StreamState[]> {
    const wanted = new Map(identities.map((identity) => [toStored(streamKey(identity)), identity]));
    const known = await this.#read([...wanted.keys()]);
    const closed = [...wanted].filter(([key, { source }]) => !isOpenFor(source, known.get(key)));
    for (const [source, streams] of Map.groupBy(closed, ([, identity]) => identity.source))
      await this.#claim(source, streams);
    const opened = await this.#read(closed.map(([key]) => key));
    for (const { source } of identities) this.#ids.set(source, new Map());
    return identities.map((identity) => {
      const stored = toStored(streamKey(identity));
      return this.#noteOpened(identity, opened.get(stored) ?? known.get(stored));
    });
  }

  async all(): Promise<readonly StreamState[]> {
    const found: StreamState[] = [];
    for (let after = ''; ;) {
      const rows = await this.#database.query<IdentifiedRow>(SELECT_SOME, [after, AT_ONCE]);
      found.push(...rows.map(toState));
      const last = rows.at(-1);
      if (last === undefined || rows.length < AT_ONCE) return found;
      after = last.key;
    }
  }

  async cursors({
    type,
    origin,
    account,
  }: Omit<SourceIdentity, 'name'>): Promise<ReadonlyMap<string, unknown>> {
    const rows = await this.#database.query<{ key: string; scope: string; cursor: string }>(
      `SELECT key, scope, cursor FROM penstock.stream
       WHERE type = $1 AND origin = $2 AND account = $3 AND cursor IS NOT NULL`,
      [type, origin, account],
    );
    return new Map(rows.map(({ key, scope, cursor }) => [fromStored(scope), this.#parse(key, cursor)]));
  }

  /**
   * The row id of a stream, for the transactions that write to it.
   * @throws Error when the stream was never opened: a bug of the caller
   */
  async idOf(source: string, key: string): Promise<number> {
    const known = this.#ids.get(source)?.get(key);
    if (known !== undefined) return known;
    const [row] = await this.#database.query<{ id: number }>(
      'SELECT id FROM penstock.stream WHERE key = $1',
      [toStored(key)],
    );
    if (row === undefined) throw new Error(`Stream ${key} must be opened before it is written to.`);
    this.#ids.get(source)?.set(key, row.id);
    return row.id;
  }

  /** What a page changes of its stream. `now` is our clock, by which readiness judges the age of a complete poll. */
  async move(transaction: Transaction, id: number, page: PageCommit, now: number): Promise<void> {
    const { stream, lane = 'live', cursor, deferred, dropped = 0, complete } = page;
    const moved = cursor !== undefined;
    await transaction.run(MOVE, [
      id,
      moved ? toJson(cursor) : null,
      moved ? this.#versions.get(stream) : null,
      lane === 'live' ? deferred : null,
      complete === true ? now : null,
      dropped,
    ]);
  }

  /** A complete poll clears the last error; a poll that was only cut leaves it. */
  async noteOutcome(transaction: Transaction, id: number, poll: PollRecord): Promise<void> {
    const { outcome, error, requests, at } = poll;
    const [isAsked, isDecided] = [requests > 0, outcome === 'complete' || error !== undefined];
    if (!isAsked && !isDecided) return;
    const last = outcome === 'complete' ? null : error;
    await transaction.run(NOTE_OUTCOME, [id, isAsked ? at : null, isDecided, last]);
  }

  /** @throws JournalWriteError when the stream still is that of a source that another replica works on */
  #noteOpened(identity: StreamIdentity, row: IdentifiedRow | undefined): StreamState {
    const { source, cursorVersion } = identity;
    const key = streamKey(identity);
    if (row === undefined || !isOpenFor(source, row))
      throw new JournalWriteError(
        `Another replica still reads ${key} as source ${row?.source ?? ''}. Source ${source} reads it once that one has ended.`,
      );
    this.#versions.set(key, cursorVersion);
    this.#ids.get(source)?.set(key, row.id);
    return toState(row);
  }

  /** Makes the streams those of a source, which this process must hold. */
  async #claim(source: string, streams: readonly (readonly [string, StreamIdentity])[]): Promise<void> {
    const each = <T>(value: (identity: StreamIdentity) => T) =>
      streams.map(([, identity]) => value(identity));
    const keys = streams.map(([key]) => key);
    await this.#database.fenced({ kind: 'source', name: source }, async (transaction) => {
      const locked = transaction.run(LOCK_OWNERS, [keys, source]);
      const claimed = transaction.last(CLAIM, [
        keys,
        source,
        each(({ type }) => type),
        each(({ origin }) => origin),
        each(({ account }) => account),
        each(({ scope }) => toStored(scope)),
        each(({ cursorVersion }) => cursorVersion),
        this.#clock.now(),
      ]);
      await Promise.all([locked, claimed]);
    });
  }

  /** The rows by key, as it is stored. */
  async #read(keys: readonly string[]): Promise<ReadonlyMap<string, IdentifiedRow>> {
    if (keys.length === 0) return new Map();
    const rows = await this.#database.query<IdentifiedRow>(SELECT_BY_KEY, [keys]);
    return new Map(rows.map((row) => [row.key, row]));
  }

  #parse(key: string, text: string): unknown {
    const known = this.#parsed.get(key);
    if (known?.text === text) return known.cursor;
    const cursor = parseJson(text);
    this.#parsed.set(key, { text, cursor });
    return cursor;
  }
}

function isOpenFor(source: string, row: IdentifiedRow | undefined): boolean {
  return row?.source === source && !row.orphaned;
}

function toState(row: IdentifiedRow): StreamState {
  const { id: _, ...stored } = row;
  return toStreamState(stored);
}
