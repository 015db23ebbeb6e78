import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parseJson, toJson } from '../json.ts';
import type { LedgerValue } from '../source.ts';
import type { LedgerEntry, LedgerWrite } from './journal.ts';
import { Query } from './query.ts';

interface LedgerRow {
  readonly key: string;
  readonly uid: string;
  readonly value: string;
}

/** Sorts after every key that begins with the prefix before it. */
const LAST = '\u{10FFFF}';

/** What is known of each entity of a stream. Streams are row ids here. */
export class LedgerStore {
  readonly #one: Query<LedgerRow>;
  readonly #range: Query<LedgerRow>;
  readonly #put: StatementSync;
  readonly #forget: StatementSync;

  constructor(database: DatabaseSync) {
    this.#one = new Query(database, 'SELECT uid, value FROM ledger WHERE stream = :stream AND key = :key');
    this.#range = new Query(
      database,
      'SELECT key, uid, value FROM ledger WHERE stream = :stream AND key >= :first AND key < :last ORDER BY key',
    );
    this.#put = database.prepare(
      `INSERT INTO ledger (stream, key, at, uid, value) VALUES (:stream, :key, :at, :uid, :value)
       ON CONFLICT (stream, key) DO UPDATE SET at = excluded.at, uid = excluded.uid, value = excluded.value`,
    );
    this.#forget = database.prepare('DELETE FROM ledger WHERE stream = :stream AND at < :before');
  }

  get(stream: number, keys: readonly string[]): ReadonlyMap<string, LedgerEntry> {
    const found = new Map<string, LedgerEntry>();
    for (const key of keys) {
      const row = this.#one.first({ stream, key });
      if (row !== undefined) found.set(key, toEntry(row));
    }
    return found;
  }

  withPrefix(stream: number, prefix: string): ReadonlyMap<string, LedgerEntry> {
    const rows = this.#range.all({ stream, first: prefix, last: prefix + LAST });
    return new Map(rows.map((row) => [row.key, toEntry(row)]));
  }

  write(stream: number, entries: readonly LedgerWrite[]): void {
    for (const { key, at, uid, value } of entries) {
      this.#put.run({ stream, key, at, uid, value: toJson(value) });
    }
  }

  forgetBefore(stream: number, before: number): void {
    this.#forget.run({ stream, before });
  }
}

function toEntry({ uid, value }: LedgerRow): LedgerEntry {
  return { uid, value: parseJson(value) as LedgerValue };
}
