import { hash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { parseJson, toJson } from '../../core/json.ts';
import type { Gap, LedgerValue, Span } from '../../core/source.ts';
import type { LedgerEntry, LedgerPart, LedgerSize, LedgerStore, LedgerWrite } from '../collection.ts';
import { fromStored, toStored } from '../stored-text.ts';
import type { Connection } from './connection.ts';
import type { SqliteGaps } from './gaps.ts';
import type { SqliteStreams } from './streams.ts';

interface LedgerRow extends LedgerKey {
  readonly uid: string;
  readonly value: string;
}

/** How much of a prefix is in memory at once; at least one entry. */
const PART = { entries: 1_000, bytes: 1_048_576 } as const;

/** Entries within this share of the oldest entry's age are forgotten together with it. */
const AGE_STEP = 1 / 20;

/** What an entry takes besides its texts: row, index and the pages' free space. Bytes, about; measured. */
const OVERHEAD = 48;
const BYTES = `(2 * octet_length(key) + coalesce(octet_length(rest), 0) + octet_length(uid) + octet_length(value) + ${OVERHEAD})`;
const SUM = `count(*) AS entries, coalesce(sum(${BYTES}), 0) AS bytes`;
const OLDEST = 'SELECT key FROM ledger WHERE stream = :stream AND at <= :until ORDER BY at LIMIT :limit';

// CROSS JOIN: SQLite looks up one key after another, whatever it thinks of the size of the list.
const SELECT_KNOWN = `
  SELECT ledger.key, rest, uid, ledger.value FROM json_each(:keys) AS wanted
  CROSS JOIN ledger ON ledger.stream = :stream AND ledger.key = wanted.value`;
const INSERT = `INSERT INTO ledger (stream, key, rest, at, uid, value) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (stream, key) DO NOTHING`;
const BYTES_OF_KEY = `SELECT ${BYTES} AS bytes FROM ledger WHERE stream = :stream AND key = :key`;
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
      // Many streams may have entries of about the same age: do not forget them one by one.
      const until = oldest + Math.max(0, now - oldest) * AGE_STEP;
      const shortened: string[] = [];
      let left = limit;
      for (const { id, key, at } of ages) {
        if (left <= 0 || at > until) continue;
        const forgotten = this.#forgetUntil(id, until, left);
        if (forgotten === undefined) continue;
        left -= forgotten.entries;
        this.#gaps.extend(id, gapOf(forgotten, reason, now), now);
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
      added.bytes += sizeOf(row);
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

/** Some entries are dated far ahead, so that they are kept long. The gap that records them ends now. */
function gapOf({ from, to }: Span, reason: string, now: number): Gap {
  return { from: Math.min(from, now), to: Math.min(to, now), reason, part: '' };
}

/** As `BYTES`. */
function sizeOf({ key, rest, uid, value }: LedgerRow): number {
  const [once, twice] = [`${rest ?? ''}${uid}${value}`, key];
  return Buffer.byteLength(once) + 2 * Buffer.byteLength(twice) + OVERHEAD;
}

function toEntry({ uid, value }: LedgerRow): LedgerEntry {
  return { uid, value: parseJson(value) as LedgerValue };
}

/** Longer keys are stored as their beginning and a hash. Characters. */
const LONGEST = 96;
/** How much of a long key is stored as it is, so that a prefix finds it. Characters. */
const HEAD = 32;
/** Between beginning and hash. No result of `toStored` contains it. */
const MARK = '\\#';
/** Sorts behind every stored text that continues the same prefix. */
const LAST = '\u{10FFFF}';

/** A ledger key as the tables hold it. */
export interface LedgerKey {
  /** Unique in its stream, and never long: an index holds it a second time. */
  readonly key: string;
  /** The rest of a long key; null for a short one. */
  readonly rest: string | null;
}

export function ledgerKey(text: string): LedgerKey {
  const whole = toStored(text);
  if (whole.length <= LONGEST) return { key: whole, rest: null };
  const head = headOf(whole);
  return {
    key: `${head}${MARK}${hash('sha256', whole, 'base64url').slice(0, 27)}`,
    rest: whole.slice(head.length),
  };
}

/** The original key; of a long key that is stored as a hash, its beginning and the hash. */
export function keyText({ key, rest }: LedgerKey): string {
  return fromStored(rest === null ? key : key.slice(0, key.indexOf(MARK)) + rest);
}

/** Whether only a hash of the key is kept. */
export function isHashed({ key, rest }: LedgerKey): boolean {
  return rest === null && key.includes(MARK);
}

/** Reverses `keyText` for a key that is stored as a hash. */
export function hashedKey(text: string): LedgerKey {
  const mark = text.lastIndexOf(MARK);
  return { key: toStored(text.slice(0, mark)) + text.slice(mark), rest: null };
}

/** The range of the stored keys with a prefix. It may hold others too, if the prefix is long or ends in half a pair. */
export function keyRange(prefix: string): { readonly first: string; readonly last: string } {
  const whole = toStored(prefix.replace(/[\uD800-\uDBFF]$/, ''));
  const first = whole.length > HEAD ? headOf(whole) : whole;
  return { first, last: first + LAST };
}

/** Never cuts an escape or a surrogate pair in two. */
function headOf(whole: string): string {
  return whole.slice(0, HEAD).replace(/(?:\\[0-9a-f]{0,3}|[\uD800-\uDBFF])$/, '');
}
