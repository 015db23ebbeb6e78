import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parseJson, toJson } from '../../core/json.ts';
import type { LedgerValue, Span } from '../../core/source.ts';
import type { LedgerEntry, LedgerPart, LedgerWrite } from '../journal.ts';
import { keyRange, keyText, ledgerKey, type LedgerKey } from './ledger-key.ts';
import { Query } from './query.ts';

interface LedgerRow extends LedgerKey {
  readonly uid: string;
  readonly value: string;
}

/** What of a prefix is in memory at once; at least one entry. */
const PART = { entries: 1_000, bytes: 1_048_576 } as const;

export const NO_PART: LedgerPart = { entries: new Map(), next: undefined };

/** Entries, and the bytes that they take on disk, about. */
export interface LedgerSize {
  readonly entries: number;
  readonly bytes: number;
}

/** What an entry takes besides its texts: row, index and the pages' free space. Bytes, about; measured. */
const OVERHEAD = 48;
const SIZE = `(2 * octet_length(key) + coalesce(octet_length(rest), 0) + octet_length(uid) + octet_length(value) + ${OVERHEAD})`;
const SUM = `SELECT count(*) AS entries, coalesce(sum(${SIZE}), 0) AS bytes FROM ledger`;
const OLDEST = 'SELECT key FROM ledger WHERE stream = :stream AND at <= :until ORDER BY at LIMIT :limit';

/** What is known of each entity of a stream, and what that takes. Streams are row ids here. */
export class LedgerStore {
  readonly #one: Query<LedgerRow>;
  readonly #range: Query<LedgerRow>;
  readonly #add: StatementSync;
  readonly #size: Query<{ bytes: number }>;
  readonly #replace: StatementSync;
  readonly #within: Query<LedgerSize>;
  readonly #forget: StatementSync;
  readonly #oldest: Query<LedgerSize & { readonly first: number | null; readonly last: number | null }>;
  readonly #forgetOldest: StatementSync;
  readonly #resize: StatementSync;
  readonly #count: StatementSync;
  readonly #ofSource: Query<LedgerSize>;

  constructor(database: DatabaseSync) {
    this.#one = new Query(
      database,
      'SELECT key, rest, uid, value FROM ledger WHERE stream = :stream AND key = :key',
    );
    this.#range = new Query(
      database,
      `SELECT key, rest, uid, value FROM ledger WHERE stream = :stream AND key >= :first AND key < :last
       ORDER BY key`,
    );
    this.#add = database.prepare(
      `INSERT INTO ledger (stream, key, rest, at, uid, value) VALUES (:stream, :key, :rest, :at, :uid, :value)
       ON CONFLICT (stream, key) DO NOTHING`,
    );
    this.#size = new Query(
      database,
      `SELECT ${SIZE} AS bytes FROM ledger WHERE stream = :stream AND key = :key`,
    );
    this.#replace = database.prepare(
      'UPDATE ledger SET rest = :rest, at = :at, uid = :uid, value = :value WHERE stream = :stream AND key = :key',
    );
    this.#within = new Query(database, `${SUM} WHERE stream = :stream AND at >= :from AND at < :to`);
    this.#forget = database.prepare('DELETE FROM ledger WHERE stream = :stream AND at >= :from AND at < :to');
    this.#oldest = new Query(
      database,
      `SELECT count(*) AS entries, coalesce(sum(${SIZE}), 0) AS bytes, min(at) AS first, max(at) AS last
       FROM ledger WHERE stream = :stream AND key IN (${OLDEST})`,
    );
    this.#forgetOldest = database.prepare(`DELETE FROM ledger WHERE stream = :stream AND key IN (${OLDEST})`);
    this.#resize = database.prepare(
      `INSERT INTO ledger_size (stream, entries, bytes) VALUES (:stream, :entries, :bytes)
       ON CONFLICT (stream) DO UPDATE SET entries = entries + excluded.entries, bytes = bytes + excluded.bytes`,
    );
    this.#count = database.prepare(
      `INSERT OR REPLACE INTO ledger_size (stream, entries, bytes) SELECT :stream, entries, bytes
       FROM (${SUM} WHERE stream = :stream)`,
    );
    this.#ofSource = new Query(
      database,
      `SELECT coalesce(sum(entries), 0) AS entries, coalesce(sum(bytes), 0) AS bytes
       FROM ledger_size JOIN stream ON stream.id = ledger_size.stream WHERE source = :source`,
    );
  }

  get(stream: number, keys: readonly string[]): ReadonlyMap<string, LedgerEntry> {
    const found = new Map<string, LedgerEntry>();
    for (const text of keys) {
      const row = this.#one.first({ stream, key: ledgerKey(text).key });
      if (row !== undefined) found.set(text, toEntry(row));
    }
    return found;
  }

  /** As many with this prefix as fit in `PART`, after what another part ended with. */
  withPrefix(stream: number, prefix: string, after?: string): LedgerPart {
    const { first, last } = keyRange(prefix);
    // No key is between a key and itself with a NUL behind it.
    const from = after === undefined ? first : `${after}\0`;
    const entries = new Map<string, LedgerEntry>();
    let bytes = 0;
    for (const row of this.#range.each({ stream, first: from, last })) {
      const key = keyText(row);
      if (!key.startsWith(prefix)) continue;
      entries.set(key, toEntry(row));
      bytes += row.value.length;
      if (entries.size === PART.entries || bytes > PART.bytes) return { entries, next: row.key };
    }
    return { entries, next: undefined };
  }

  /** `hashLongKeys`: the rest of a long key is not kept, since nobody needs it back. */
  write(stream: number, entries: readonly LedgerWrite[], hashLongKeys: boolean): void {
    const added = { entries: 0, bytes: 0 };
    for (const { key: text, at, uid, value } of entries) {
      const { key, rest } = ledgerKey(text);
      const row = { stream, key, rest: hashLongKeys ? null : rest, at, uid, value: toJson(value) };
      const before = this.#add.run(row).changes === 1 ? undefined : this.#size.first({ stream, key });
      if (before === undefined) added.entries += 1;
      else this.#replace.run(row);
      added.bytes += sizeOf(row) - (before?.bytes ?? 0);
    }
    if (entries.length > 0) this.#resize.run({ stream, ...added });
  }

  /** Forgets the entries whose time is within a span. */
  forget(stream: number, { from, to }: Span): void {
    // SQLite takes infinities for numbers that no column of whole numbers holds, and compares them rightly.
    const forgotten = this.#within.first({ stream, from, to });
    if (forgotten === undefined || forgotten.entries === 0) return;
    this.#forget.run({ stream, from, to });
    this.#shrink(stream, forgotten);
  }

  /** Forgets the oldest entries up to a time, at most so many; returns what they were, undefined when there are none. */
  forgetOldest(stream: number, until: number, limit: number): (LedgerSize & Span) | undefined {
    const asked = { stream, until, limit };
    const { first, last, ...size } = this.#oldest.first(asked) ?? { entries: 0, bytes: 0, first: null };
    if (first === null || last === undefined || last === null) return undefined;
    this.#forgetOldest.run(asked);
    this.#shrink(stream, size);
    return { ...size, from: first, to: last + 1 };
  }

  /** Counts a stream's entries anew, after they were written otherwise. */
  count(stream: number): void {
    this.#count.run({ stream });
  }

  /** Of all streams of a source, by its name. */
  sizeOf(source: string): LedgerSize {
    return { entries: 0, bytes: 0, ...this.#ofSource.first({ source }) };
  }

  #shrink(stream: number, { entries, bytes }: LedgerSize): void {
    this.#resize.run({ stream, entries: -entries, bytes: -bytes });
  }
}

function sizeOf({ key, rest, uid, value }: LedgerRow): number {
  const [once, twice] = [`${rest ?? ''}${uid}${value}`, key];
  return Buffer.byteLength(once) + 2 * Buffer.byteLength(twice) + OVERHEAD;
}

function toEntry({ uid, value }: LedgerRow): LedgerEntry {
  return { uid, value: parseJson(value) as LedgerValue };
}
