import type { Clock } from '../../core/clock.ts';
import { toJson } from '../../core/json.ts';
import type { Span } from '../../core/source.ts';
import type { LedgerEntry, LedgerPart, LedgerSize, LedgerStore, LedgerWrite } from '../collection.ts';
import { keyRange, keyText, ledgerKey } from '../ledger-key.ts';
import {
  ENTRY_BYTES,
  entryBytes,
  forgottenGap,
  forgottenUntil,
  type LedgerRow,
  PART,
  toEntry,
} from '../ledger-rules.ts';
import { fromStored } from '../stored-text.ts';
import type { Connection } from './connection.ts';
import type { SqliteGaps } from './gaps.ts';
import type { SqliteStreams } from './streams.ts';

const SUM = `count(*) AS entries, coalesce(sum(${ENTRY_BYTES}), 0) AS bytes`;
const OLDEST = 'SELECT key FROM ledger WHERE stream = :stream AND at <= :until ORDER BY at LIMIT :limit';

// CROSS JOIN: SQLite looks up one key after another, whatever it thinks of the size of the list.
const SELECT_KNOWN = `
  SELECT ledger.key, rest, uid, ledger.value FROM json_each(:keys) AS wanted
  CROSS JOIN ledger ON ledger.stream = :stream AND ledger.key = wanted.value`;
const INSERT = `INSERT INTO ledger (stream, key, rest, at, uid, value) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (stream, key) DO NOTHING`;
const BYTES_OF_KEY = `SELECT ${ENTRY_BYTES} AS bytes FROM ledger WHERE stream = :stream AND key = :key`;
const SIZE_WITHIN = `SELECT ${SUM} FROM ledger WHERE stream = :stream AND at >= :from AND at < :to`;
const SIZE_OF_OLDEST = `SELECT ${SUM}, min(at) AS first, max(at) AS last FROM ledger WHERE stream = :stream AND key IN (${OLDEST})`;
const FORGET_OLDEST = `DELETE FROM ledger WHERE stream = :stream AND key IN (${OLDEST})`;
const RECOUNT = `INSERT OR REPLACE INTO ledger_size (stream, entries, bytes)
  SELECT :stream, entries, bytes FROM (SELECT ${SUM} FROM ledger WHERE stream = :stream)`;

/** What is known of each key of a stream, and how much room that takes. */
export class SqliteLedger implements LedgerStore {
  readonly #connection: Connection;
  readonly #streams: SqliteStreams;
  readonly #gaps: SqliteGaps;
  readonly #clock: Clock;

  constructor(connection: Connection, streams: SqliteStreams, gaps: SqliteGaps, clock: Clock) {
    this.#connection = connection;
    this.#streams = streams;
    this.#gaps = gaps;
    this.#clock = clock;
  }

  async lookup(key: string, keys: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>> {
    const texts = new Map(keys.map((text) => [ledgerKey(text).key, text]));
    const rows = this.#connection.all<LedgerRow>(SELECT_KNOWN, {
      stream: this.#streams.find(key),
      keys: JSON.stringify([...texts.keys()]),
    });
    return new Map(rows.map((row) => [texts.get(row.key) ?? row.key, toEntry(row)]));
  }

  async withPrefix(stream: string, prefix: string, after?: string): Promise<LedgerPart> {
    const { first, last } = keyRange(prefix);
    const rows = this.#connection.each<LedgerRow>(
      `SELECT key, rest, uid, value FROM ledger WHERE stream = :stream AND key >= :first AND key < :last
       ORDER BY key`,
      // No key is between a key and itself with a NUL behind it.
      { stream: this.#streams.find(stream), first: after === undefined ? first : `${after}\0`, last },
    );
    const entries = new Map<string, LedgerEntry>();
    let bytes = 0;
    for (const row of rows) {
      const key = keyText(row);
      if (!key.startsWith(prefix)) continue;
      entries.set(key, toEntry(row));
      bytes += row.value.length;
      if (entries.size === PART.entries || bytes > PART.bytes) return { entries, next: row.key };
    }
    return { entries, next: undefined };
  }

  async sizeOf(source: string): Promise<LedgerSize> {
    const size = this.#connection.first<LedgerSize>(
      `SELECT coalesce(sum(entries), 0) AS entries, coalesce(sum(bytes), 0) AS bytes
       FROM ledger_size JOIN stream ON stream.id = ledger_size.stream WHERE source = :source`,
      { source },
    );
    return { entries: 0, bytes: 0, ...size };
  }

  async forgetOldest(source: string, limit: number, reason: string): Promise<readonly string[]> {
    const now = this.#clock.now();
    return this.#connection.transact(() => {
      const ages = this.#agesOf(source);
      const oldest = ages.reduce((least, { at }) => Math.min(least, at), Infinity);
      const until = forgottenUntil(oldest, now);
      const shortened: string[] = [];
      let left = limit;
      for (const { id, key, at } of ages) {
        if (left <= 0 || at > until) continue;
        const forgotten = this.#forgetUntil(id, until, left);
        if (forgotten === undefined) continue;
        left -= forgotten.entries;
        this.#gaps.extend(id, forgottenGap(forgotten, reason, now), now);
        shortened.push(key);
      }
      return shortened;
    });
  }

  /** `hashLongKeys`: the rest of a long key is not stored. */
  write(stream: number, entries: readonly LedgerWrite[], hashLongKeys: boolean): void {
    const added = { entries: 0, bytes: 0 };
    for (const { key: text, at, uid, value } of entries) {
      const { key, rest } = ledgerKey(text);
      const row = { stream, key, rest: hashLongKeys ? null : rest, at, uid, value: toJson(value) };
      const inserted = this.#connection.run(INSERT, [stream, key, row.rest, at, uid, row.value]);
      added.bytes += entryBytes(row);
      if (inserted === 1) added.entries += 1;
      else added.bytes -= this.#replace(row);
    }
    if (entries.length > 0) this.#resize(stream, added);
  }

  /** Forgets the entries whose time is within a span. */
  forget(stream: number, { from, to }: Span): void {
    // SQLite compares infinities correctly with whole numbers.
    const forgotten = this.#connection.first<LedgerSize>(SIZE_WITHIN, { stream, from, to });
    if (forgotten === undefined || forgotten.entries === 0) return;
    this.#connection.run('DELETE FROM ledger WHERE stream = :stream AND at >= :from AND at < :to', {
      stream,
      from,
      to,
    });
    this.#shrink(stream, forgotten);
  }

  /** Returns how many bytes the replaced entry took. */
  #replace(row: LedgerRow & { readonly stream: number; readonly at: number }): number {
    const { stream, key } = row;
    const before = this.#connection.first<{ bytes: number }>(BYTES_OF_KEY, { stream, key });
    this.#connection.run(
      'UPDATE ledger SET rest = :rest, at = :at, uid = :uid, value = :value WHERE stream = :stream AND key = :key',
      { ...row },
    );
    return before?.bytes ?? 0;
  }

  /** The streams of a source whose ledgers hold something, by the age of their oldest entry, the oldest first. */
  #agesOf(source: string): readonly { readonly id: number; readonly key: string; readonly at: number }[] {
    return this.#connection
      .all<{ id: number; key: string; at: number | null }>(
        `SELECT id, key, (SELECT min(at) FROM ledger WHERE ledger.stream = stream.id) AS at FROM stream
         WHERE source = :source`,
        { source },
      )
      .flatMap(({ id, key, at }) => (at === null ? [] : [{ id, key: fromStored(key), at }]))
      .toSorted((one, other) => one.at - other.at);
  }

  /** Forgets the oldest entries up to a time, at most so many. Undefined when there are none. */
  #forgetUntil(stream: number, until: number, limit: number): (LedgerSize & Span) | undefined {
    const parameters = { stream, until, limit };
    const row = this.#connection.first<LedgerSize & { first: number | null; last: number | null }>(
      SIZE_OF_OLDEST,
      parameters,
    );
    if (row === undefined || row.first === null || row.last === null) return undefined;
    const { first, last, ...size } = row;
    this.#connection.run(FORGET_OLDEST, parameters);
    this.#shrink(stream, size);
    return { ...size, from: first, to: last + 1 };
  }

  #shrink(stream: number, { entries, bytes }: LedgerSize): void {
    this.#resize(stream, { entries: -entries, bytes: -bytes });
  }

  #resize(stream: number, { entries, bytes }: LedgerSize): void {
    this.#connection.run(
      `INSERT INTO ledger_size (stream, entries, bytes) VALUES (:stream, :entries, :bytes)
       ON CONFLICT (stream) DO UPDATE SET entries = entries + excluded.entries, bytes = bytes + excluded.bytes`,
      { stream, entries, bytes },
    );
  }
}

/** Counts a stream's entries again, after they were written by other means. */
export function recountLedger(connection: Connection, stream: number): void {
  connection.run(RECOUNT, { stream });
}
