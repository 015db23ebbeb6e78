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
import { fromStored, toStored } from '../stored-text.ts';
import type { Database, Transaction } from './database.ts';
import type { PostgresGaps } from './gaps.ts';
import { STREAM_ID } from './streams.ts';

/**
 * The entries of these keys ($2) of a stream, looked up one after another, whatever the statistics of a ledger that grew
 * fast say: without LIMIT the whole ledger may be read.
 */
const KNOWN = (stream: string, columns: string) => `
  SELECT ${columns} FROM unnest($2::text[]) AS wanted CROSS JOIN LATERAL (
    SELECT * FROM penstock.ledger WHERE stream = ${stream} AND key = wanted LIMIT 1) AS known`;
const SELECT_KNOWN = KNOWN(STREAM_ID, 'key, rest, uid, value');
/** Of the next entries those whose values together are within a size, and one more. */
const SELECT_PART = `
  SELECT key, rest, uid, value, before + octet_length(value) AS "upTo" FROM (
    SELECT *, sum(octet_length(value)) OVER (ORDER BY key) - octet_length(value) AS before FROM (
      SELECT key, rest, uid, value FROM penstock.ledger WHERE stream = ${STREAM_ID} AND key >= $2 AND key < $3
      ORDER BY key LIMIT $4) AS part) AS measured
  WHERE before <= $5 ORDER BY key`;
const SIZE_OF = `
  SELECT coalesce(sum(entries), 0) AS entries, coalesce(sum(bytes), 0) AS bytes
  FROM penstock.ledger_size JOIN penstock.stream ON id = stream WHERE source = $1`;

const GROW = `
  ON CONFLICT (stream) DO UPDATE SET entries = size.entries + excluded.entries, bytes = size.bytes + excluded.bytes`;
/** $7: the bytes of all these entries. */
const WRITE = `
  WITH before AS (${KNOWN('$1', `count(*) AS entries, coalesce(sum(${ENTRY_BYTES}), 0) AS bytes`)}),
  written AS (
    INSERT INTO penstock.ledger (stream, key, rest, at, uid, value)
    SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
    ON CONFLICT (stream, key) DO UPDATE
    SET rest = excluded.rest, at = excluded.at, uid = excluded.uid, value = excluded.value)
  INSERT INTO penstock.ledger_size AS size (stream, entries, bytes)
  SELECT $1, cardinality($2::text[]) - entries, $7 - bytes FROM before ${GROW}`;
const SHRINK = `
  UPDATE penstock.ledger_size AS size SET entries = size.entries - counted.entries, bytes = size.bytes - counted.bytes
  FROM counted WHERE size.stream = counted.stream`;
const FORGET = `
  WITH gone AS (
    DELETE FROM penstock.ledger WHERE stream = $1 AND at >= $2 AND at < $3 RETURNING stream, ${ENTRY_BYTES} AS bytes),
  counted AS (SELECT stream, count(*) AS entries, sum(bytes) AS bytes FROM gone GROUP BY stream)
  ${SHRINK}`;

/** The streams of a source whose ledgers hold something, and the time of their oldest entry. */
const AGES = `
  SELECT id, at FROM penstock.stream
  CROSS JOIN LATERAL (SELECT at FROM penstock.ledger WHERE stream = id ORDER BY at LIMIT 1) AS oldest
  WHERE source = $1 ORDER BY at`;
/** Stream by stream, in this order, as far as the limit goes: few streams have a gap then. */
const FORGET_OLDEST = `
  WITH gone AS (
    DELETE FROM penstock.ledger WHERE ctid = ANY(ARRAY(
      SELECT part.row FROM unnest($1::bigint[]) AS id CROSS JOIN LATERAL (
        SELECT ctid AS row FROM penstock.ledger WHERE stream = id AND at <= $2 ORDER BY at LIMIT $3) AS part LIMIT $3))
    RETURNING stream, at, ${ENTRY_BYTES} AS bytes),
  counted AS (
    SELECT stream, count(*) AS entries, sum(bytes) AS bytes, min(at) AS "from", max(at) + 1 AS "to"
    FROM gone GROUP BY stream),
  shrunk AS (${SHRINK})
  SELECT id, key, "from", "to" FROM counted JOIN penstock.stream ON id = counted.stream ORDER BY "from"`;

interface ForgottenRow extends Span {
  readonly id: number;
  readonly key: string;
}

/** What is known of each key of a stream, and how much room that takes. */
export class PostgresLedger implements LedgerStore {
  readonly #database: Database;
  readonly #gaps: PostgresGaps;
  readonly #clock: Clock;

  constructor(database: Database, gaps: PostgresGaps, clock: Clock) {
    this.#database = database;
    this.#gaps = gaps;
    this.#clock = clock;
  }

  async lookup(stream: string, keys: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>> {
    const texts = new Map(keys.map((text) => [ledgerKey(text).key, text]));
    const parameters = [toStored(stream), [...texts.keys()]];
    const rows = await this.#database.query<LedgerRow>(SELECT_KNOWN, parameters);
    return new Map(rows.map((row) => [texts.get(row.key) ?? row.key, toEntry(fromRow(row))]));
  }

  async withPrefix(stream: string, prefix: string, after?: string): Promise<LedgerPart> {
    const { first, last } = keyRange(prefix);
    // No stored key is between another and that one with U+0001 behind it: none holds a NUL.
    const from = after === undefined ? first : `${after}\u0001`;
    const parameters = [toStored(stream), from, last, PART.entries, PART.bytes];
    const rows = await this.#database.query<LedgerRow & { upTo: number }>(SELECT_PART, parameters);
    const end = rows.at(-1);
    const isCut = end !== undefined && (rows.length === PART.entries || end.upTo > PART.bytes);
    const entries = rows.map((row) => [keyText(row), toEntry(fromRow(row))] as const);
    return {
      entries: new Map(entries.filter(([key]) => key.startsWith(prefix))),
      next: isCut ? end.key : undefined,
    };
  }

  async sizeOf(source: string): Promise<LedgerSize> {
    const [size] = await this.#database.query<LedgerSize>(SIZE_OF, [source]);
    return size ?? { entries: 0, bytes: 0 };
  }

  async forgetOldest(source: string, limit: number, reason: string): Promise<readonly string[]> {
    const now = this.#clock.now();
    // Nobody else writes to these ledgers: the fence sees to it, so this may be read before the transaction.
    const ages = await this.#database.query<{ id: number; at: number }>(AGES, [source]);
    const until = forgottenUntil(
      ages.reduce((least, { at }) => Math.min(least, at), Infinity),
      now,
    );
    const streams = ages.filter(({ at }) => at <= until).map(({ id }) => id);
    if (streams.length === 0) return [];
    return this.#database.fenced({ kind: 'source', name: source }, async (transaction) => {
      const parameters = [streams, Math.floor(until), limit];
      const forgotten = await transaction.query<ForgottenRow>(FORGET_OLDEST, parameters);
      await Promise.all(
        forgotten.map(({ id, from, to }) =>
          this.#gaps.extend(transaction, id, forgottenGap({ from, to }, reason, now), now),
        ),
      );
      return forgotten.map(({ key }) => fromStored(key));
    });
  }

  /** `hashLongKeys`: the rest of a long key is not stored. Of two entries with one key the last counts. */
  async write(
    transaction: Transaction,
    stream: number,
    entries: readonly LedgerWrite[],
    hashLongKeys: boolean,
  ): Promise<void> {
    const rows = new Map<string, LedgerRow & { readonly at: number }>();
    for (const { key: text, at, uid, value } of entries) {
      const { key, rest } = ledgerKey(text);
      const row = { key, rest: hashLongKeys ? null : rest, at, uid, value: toJson(value) };
      rows.set(key, { ...row, uid: toStored(uid.toWellFormed()) });
    }
    await writeEntries(transaction, stream, [...rows.values()]);
  }

  /** Forgets the entries whose times are within these spans. */
  async forget(transaction: Transaction, stream: number, spans: readonly Span[]): Promise<void> {
    await Promise.all(
      spans.map(({ from, to }) => transaction.run(FORGET, [stream, finite(from), finite(to)])),
    );
  }
}

/** Writes rows of a ledger, each key once. */
export async function writeEntries(
  transaction: Transaction,
  stream: number,
  rows: readonly (LedgerRow & { readonly at: number })[],
): Promise<void> {
  if (rows.length === 0) return;
  const column = <Key extends 'key' | 'rest' | 'at' | 'uid' | 'value'>(key: Key) =>
    rows.map((row) => row[key]);
  const bytes = rows.reduce((sum, row) => sum + entryBytes(row), 0);
  const columns = [column('key'), column('rest'), column('at'), column('uid'), column('value')];
  await transaction.run(WRITE, [stream, ...columns, bytes]);
}

/** No time of an entry is beyond what a number holds exactly. */
function finite(time: number): number {
  return Math.min(Math.max(time, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

function fromRow(row: LedgerRow): LedgerRow {
  return { ...row, uid: fromStored(row.uid) };
}
