import { hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import * as z from 'zod';
import { readRecord, Unreadable } from '../../core/read-record.ts';
import type { RowBatch } from '../../core/row-batches.ts';
import type { Rows } from '../../core/rows.ts';
import type { LedgerValue, Observation } from '../../core/source.ts';
import { inPages, optionalList } from '../_kit/answer.ts';
import { isId, malformedKeys, membersOf } from '../_kit/keys.ts';
import { parseTime } from '../_petra/fields.ts';
import { type AttackCount, countOf, type Dimension, record, subjectOf, withCount } from './normalise.ts';
import type { Report } from './report.ts';
import { type Context, type Day, dayOf, isoDay, spanOf } from './schemas.ts';

type Ledger = Pick<Context, 'known' | 'ledger'>;

/** A count as the vendor sent it (`raw`) and as it was read, with its key in the ledger. */
interface Counter {
  readonly key: string;
  readonly counted: AttackCount;
  readonly raw: unknown;
}

/**
 * The counts of one report, some at a time: total, attack types, countries, users. In the report of a closed day, a known
 * total, type or country that is missing has fallen to 0. A user who is missing only left the list of the most targeted.
 */
export async function* observe(
  report: Report,
  ledger: Ledger,
  { final }: { readonly final: boolean },
): AsyncGenerator<readonly Observation[]> {
  const sums = await addUp(report);
  const keyOf = malformedKeys();
  const summed = new Set<string>();
  for (const page of inPages(piecesOf(report))) {
    const counters = new Map<string, Counter>();
    const malformed: Observation[] = [];
    for (const row of page.flatMap(({ rows }) => rows())) {
      const read = readRow(report, row);
      if ('name' in read) {
        malformed.push({ key: keyOf(read.name), record: read.raw, at: spanOf(report.day).from });
        continue;
      }
      const sum = sums.repeated.get(shortOf(read.key));
      if (sum === undefined) counters.set(read.key, read);
      else if (!summed.has(read.key)) counters.set(read.key, withSum(read, sum));
      if (sum !== undefined) summed.add(read.key);
    }
    const known = final ? NOTHING : await ledger.known([...counters.keys()]);
    const due = [...counters.values()].filter(({ key, counted }) => !hasFallen(counted, known.get(key)));
    yield [...due.map((counter) => observation(report, counter, final)), ...malformed];
  }
  if (final) yield* missing(report, ledger, sums);
}

const NOTHING: ReadonlyMap<string, LedgerValue> = new Map();

/** Several rows of one subject are parts of its count. */
function withSum({ key, counted, raw }: Counter, sum: number): Counter {
  return { key, counted: withCount(counted, sum), raw: withCount(raw as AttackCount, sum) };
}

/** While a day lasts, a lower count waits: only a closed day counts downwards, and its final count is the true one. */
function hasFallen(counted: AttackCount, before: LedgerValue | undefined): boolean {
  return before !== undefined && countOf(counted) < Number(before['count']);
}

/** What the ledger holds of the day and the report does not contain any more. */
async function* missing(
  report: Report,
  ledger: Ledger,
  { seen, unsure }: Sums,
): AsyncGenerator<readonly Observation[]> {
  for await (const known of ledger.ledger(dayPrefix(report.day))) {
    const fallen = [...known].flatMap(([key, value]) => {
      const counted = seen.has(shortOf(key)) ? undefined : fallenTo0(report, key, value);
      // The missing row may be one that does not fit.
      if (counted === undefined || unsure.has(counted.dimension)) return [];
      return [observation(report, { key, counted, raw: counted }, true)];
    });
    if (fallen.length > 0) yield fallen;
  }
}

function fallenTo0(report: Report, key: string, { name = null }: LedgerValue): AttackCount | undefined {
  const [dimension = '', ...rest] = key.slice(dayPrefix(report.day).length).split('|');
  const subject = rest.join('|');
  const rows: Readonly<Record<string, unknown>> = {
    total: { totalCount: 0 },
    attack_type: { attackType: subject, count: 0 },
    country: { countryCode: subject, name, count: 0 },
  };
  return record.safeParse(framed(report, { dimension: dimension as Dimension, row: rows[dimension] })).data;
}

function observation({ day }: Report, { key, counted, raw }: Counter, final: boolean): Observation {
  return { key, record: raw, value: valueOf(counted), final, at: spanOf(day).from };
}

/** What the ledger keeps: the count, and what an event needs when the row is missing later. */
function valueOf(counted: AttackCount): LedgerValue {
  const count = countOf(counted);
  return counted.dimension === 'country' ? { count, name: counted.row.name ?? null } : { count };
}

/** The whole answer as one malformed record: it counts something else than was asked. */
export async function observeMisread(report: Report): Promise<Observation[]> {
  const misread = framed(report, { dimension: 'date_range', row: await report.body() });
  return [{ key: malformedKeys()(misread), record: misread }];
}

/** What must be known of a whole report before any of it is emitted. */
interface Sums {
  /** The sum of each key, by its short form. */
  readonly seen: ReadonlyMap<string, number>;
  /** Those of them that have several rows. */
  readonly repeated: ReadonlyMap<string, number>;
  /** Dimensions with rows that do not fit. */
  readonly unsure: ReadonlySet<Row['dimension']>;
}

async function addUp(report: Report): Promise<Sums> {
  const seen = new Map<string, number>();
  const repeated = new Map<string, number>();
  const unsure = new Set<Row['dimension']>();
  for (const page of inPages(piecesOf(report))) {
    for (const row of page.flatMap(({ rows }) => rows())) {
      const read = readRow(report, row);
      if ('name' in read) {
        unsure.add(row.dimension === 'by_day' ? 'attack_type' : row.dimension);
        continue;
      }
      const short = shortOf(read.key);
      const before = seen.get(short);
      const sum = (before ?? 0) + countOf(read.counted);
      seen.set(short, sum);
      if (before !== undefined) repeated.set(short, sum);
    }
    await turn();
  }
  return { seen, repeated, unsure };
}

/** A key in few bytes, because all keys of an answer are in memory at once. */
function shortOf(key: string): string {
  return hash('sha256', key, 'binary');
}

/** Ledger keys of a day begin with this. */
export function dayPrefix(day: Day): string {
  return `${isoDay(day)}|`;
}

/** A row as it came, before it is validated. */
interface Row {
  /** `by_day` and `date_range` are parts of an answer that are no counts: `record` rejects them. */
  readonly dimension: Dimension | 'by_day' | 'date_range';
  readonly row: unknown;
}

/** `name`: what identifies a malformed row. */
function readRow(report: Report, row: Row): Counter | { readonly raw: unknown; readonly name: unknown } {
  const raw = framed(report, row);
  const read = readRecord(record, raw);
  if ('problem' in read) return { raw, name: [isoDay(report.day), row.dimension, ...nameOf(row)] };
  const counted = read.data;
  return { key: `${dayPrefix(report.day)}${counted.dimension}|${subjectOf(counted)}`, counted, raw };
}

/** A malformed row is identified by what it counts, where that can be read, and by its count. */
function nameOf({ dimension, row }: Row): readonly unknown[] {
  const { attackType, countryCode, userPrincipalName, count, totalCount } = membersOf(row);
  if (dimension === 'total') return [totalCount];
  const subjects: Partial<Record<Row['dimension'], unknown>> = {
    attack_type: attackType,
    country: countryCode,
    user: userPrincipalName,
  };
  const subject = subjects[dimension];
  return isId(subject) ? ['of', subject, count] : [row];
}

/** The record of a row: with the tenant and the day that it counts. */
function framed({ day, counts }: Report, { dimension, row }: Row): unknown {
  if (row instanceof Unreadable) return row;
  return { tenant: counts.tenant, day: isoDay(day), dimension, row };
}

/** Rows that come together. */
interface Piece {
  readonly size: number;
  readonly bytes: number;
  readonly rows: () => readonly Row[];
}

function* piecesOf({ day, counts }: Report): Generator<Piece> {
  const { totalCount, byCountry, byDay, topTargetedUsers } = counts;
  const total = totalCount instanceof Unreadable ? totalCount : { totalCount };
  yield { size: 1, bytes: 0, rows: () => [{ dimension: 'total', row: total }] };
  for (const batch of byDay.batches) yield* piecesOfDays(batch, day);
  yield* piecesOfRows('country', byCountry);
  yield* piecesOfRows('user', topTargetedUsers);
}

function* piecesOfRows(dimension: Row['dimension'], { batches }: Rows): Generator<Piece> {
  for (const batch of batches) {
    const rows = () => batch.rows().map((row): Row => ({ dimension, row }));
    yield { size: batch.size, bytes: batch.bytes, rows };
  }
}

const dayEntry = z.looseObject({ date: z.string().transform(parseTime), byType: optionalList });

/** Rows of other days than the one asked are dropped: they are counted when their own day is read. */
function* piecesOfDays(batch: RowBatch, day: Day): Generator<Piece> {
  const malformed: number[] = [];
  for (const [index, entry] of batch.rows().entries()) {
    const { data } = dayEntry.safeParse(entry);
    if (data?.date === undefined) malformed.push(index);
    else if (dayOf(data.date) === day) yield* piecesOfRows('attack_type', data.byType);
  }
  if (malformed.length === 0) return;
  const rows = () => {
    const written = batch.asWritten();
    return malformed.map((index): Row => ({ dimension: 'by_day', row: written[index] }));
  };
  yield { size: malformed.length, bytes: batch.bytes, rows };
}
