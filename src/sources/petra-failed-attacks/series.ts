import { hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { z } from 'zod';
import { inPages, optionalList } from '../_kit/answer.ts';
import { isId, malformedKeys, membersOf } from '../_kit/keys.ts';
import { parseTime } from '../_petra/fields.ts';
import { readRecord, Unreadable } from '../../core/read-record.ts';
import type { Batch, Rows } from '../../core/rows.ts';
import type { LedgerValue, Observation } from '../../core/source.ts';
import { type AttackCount, countOf, type Dimension, record, subjectOf, withCount } from './normalise.ts';
import type { Poll, Reading } from './report.ts';
import { type Day, dayOf, isoDay, spanOf } from './schemas.ts';

/** A row as it came, before it is known to fit. */
interface Row {
  /** `by_day` and `date_range` are parts of an answer that fit nowhere: their record is refused by its schema. */
  readonly dimension: Dimension | 'by_day' | 'date_range';
  readonly row: unknown;
}

const dayEntry = z.looseObject({ date: z.string().transform(parseTime), byType: optionalList });

/** Ledger keys of a day begin with this. */
export function dayPrefix(day: Day): string {
  return `${isoDay(day)}|`;
}

type Ledger = Pick<Poll, 'known' | 'ledger'>;

/**
 * The counters of one reading, some at a time: total, attack types, countries, users. Of a closed day, known totals,
 * types and countries that are gone have fallen to 0; a user who is gone only left the list of the most targeted.
 */
export async function* observe(
  reading: Reading,
  ledger: Ledger,
  { final }: { readonly final: boolean },
): AsyncGenerator<readonly Observation[]> {
  const sums = await addUp(reading);
  const keyOf = malformedKeys();
  const told = new Set<string>();
  for (const page of inPages(piecesOf(reading))) {
    const counters = new Map<string, Counter>();
    const malformed: Observation[] = [];
    for (const row of page.flatMap(({ rows }) => rows())) {
      const read = readRow(reading, row);
      if ('name' in read) {
        malformed.push({ key: keyOf(read.name), record: read.raw, at: spanOf(reading.day).from });
        continue;
      }
      const sum = sums.repeated.get(shortOf(read.key));
      if (sum === undefined) counters.set(read.key, read);
      else if (!told.has(read.key)) counters.set(read.key, withSum(read, sum));
      if (sum !== undefined) told.add(read.key);
    }
    const known = final ? NOTHING : await ledger.known([...counters.keys()]);
    const due = [...counters].filter(([key, { counted }]) => !hasFallen(counted, known.get(key)));
    yield [...due.map(([key, counter]) => observation(reading, key, { ...counter, final })), ...malformed];
  }
  if (final) yield* gone(reading, ledger, sums);
}

/** Two rows of one subject are parts of its count. */
function withSum({ counted, raw, key }: Read, sum: number): Read {
  return { key, counted: withCount(counted, sum), raw: withCount(raw as AttackCount, sum) };
}

/** What the ledger knows of the day, and the answer no longer has. */
async function* gone(
  reading: Reading,
  ledger: Ledger,
  { seen, unsure }: Sums,
): AsyncGenerator<readonly Observation[]> {
  for await (const known of ledger.ledger(dayPrefix(reading.day))) {
    const fallen = [...known].flatMap(([key, value]) => {
      const counted = seen.has(shortOf(key)) ? undefined : fallenTo0(reading, key, value);
      // A row that does not fit may be the one that is missed.
      if (counted === undefined || unsure.has(counted.dimension)) return [];
      return [observation(reading, key, { counted, raw: counted, final: true })];
    });
    if (fallen.length > 0) yield fallen;
  }
}

const NOTHING: ReadonlyMap<string, LedgerValue> = new Map();

function observation(
  { day }: Reading,
  key: string,
  { counted, raw, final }: Counter & { readonly final: boolean },
): Observation {
  return { key, record: raw, value: valueOf(counted), final, at: spanOf(day).from };
}

/** What must be known of a whole answer before any of it is told. */
interface Sums {
  /** Names of all its keys. */
  readonly seen: ReadonlyMap<string, number>;
  /** The sums of those that several rows have: they are parts of its count. */
  readonly repeated: ReadonlyMap<string, number>;
  /** Dimensions with rows that do not fit. */
  readonly unsure: ReadonlySet<Row['dimension']>;
}

async function addUp(reading: Reading): Promise<Sums> {
  const seen = new Map<string, number>();
  const repeated = new Map<string, number>();
  const unsure = new Set<Row['dimension']>();
  for (const page of inPages(piecesOf(reading))) {
    for (const row of page.flatMap(({ rows }) => rows())) {
      const read = readRow(reading, row);
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

/** A key in few bytes: those of a whole answer are in memory. */
function shortOf(key: string): string {
  return hash('sha256', key, 'binary');
}

/** While a day goes on, a lower count waits: only a closed day is told downwards, and its final telling makes it true. */
function hasFallen(counted: AttackCount, before: LedgerValue | undefined): boolean {
  return before !== undefined && countOf(counted) < Number(before['count']);
}

/** The whole answer as one record that does not fit: it counts something else than was asked. */
export async function observeMisread(reading: Reading): Promise<Observation[]> {
  const record = placed(reading, { dimension: 'date_range', row: await reading.body() });
  return [{ key: malformedKeys()(record), record }];
}

/** A row that is counted: what it says, and as it came. */
interface Counter {
  readonly counted: AttackCount;
  readonly raw: unknown;
}

/** With its key in the ledger. */
type Read = Counter & { readonly key: string };

/** `name`: what a malformed row is known by. */
function readRow(reading: Reading, row: Row): Read | { readonly raw: unknown; readonly name: unknown } {
  const raw = placed(reading, row);
  const read = readRecord(record, raw);
  if ('problem' in read) return { raw, name: [isoDay(reading.day), row.dimension, ...nameOf(row)] };
  const counted = read.data;
  return { key: `${dayPrefix(reading.day)}${counted.dimension}|${subjectOf(counted)}`, counted, raw };
}

/** A malformed row is known by what it counts, where that can be read, and by its count, which alone is compared. */
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

/** Rows that come together. */
interface Piece {
  readonly size: number;
  readonly bytes: number;
  readonly rows: () => readonly Row[];
}

function* piecesOf({ day, report }: Reading): Generator<Piece> {
  const { totalCount, byCountry, byDay, topTargetedUsers } = report;
  const total = totalCount instanceof Unreadable ? totalCount : { totalCount };
  yield { size: 1, bytes: 0, rows: () => [{ dimension: 'total', row: total }] };
  for (const batch of byDay.batches) yield* daysOf(batch, day);
  yield* pieces('country', byCountry);
  yield* pieces('user', topTargetedUsers);
}

function* pieces(dimension: Row['dimension'], { batches }: Rows): Generator<Piece> {
  for (const batch of batches) {
    const rows = () => batch.rows().map((row): Row => ({ dimension, row }));
    yield { size: batch.size, bytes: batch.bytes, rows };
  }
}

/** Rows of other days than the one asked are dropped: they are counted when their own day is read. */
function* daysOf(batch: Batch, day: Day): Generator<Piece> {
  const misfits: number[] = [];
  for (const [index, entry] of batch.rows().entries()) {
    const { data } = dayEntry.safeParse(entry);
    if (data?.date === undefined) misfits.push(index);
    else if (dayOf(data.date) === day) yield* pieces('attack_type', data.byType);
  }
  if (misfits.length === 0) return;
  const rows = () => {
    const written = batch.asWritten();
    return misfits.map((index): Row => ({ dimension: 'by_day', row: written[index] }));
  };
  yield { size: misfits.length, bytes: batch.bytes, rows };
}

function placed({ day, report }: Reading, { dimension, row }: Row): unknown {
  if (row instanceof Unreadable) return row;
  return { tenant: report.tenant, day: isoDay(day), dimension, row };
}

function fallenTo0(reading: Reading, key: string, { name = null }: LedgerValue): AttackCount | undefined {
  const [dimension = '', ...rest] = key.slice(dayPrefix(reading.day).length).split('|');
  const subject = rest.join('|');
  const rows: Readonly<Record<string, unknown>> = {
    total: { totalCount: 0 },
    attack_type: { attackType: subject, count: 0 },
    country: { countryCode: subject, name, count: 0 },
  };
  return record.safeParse(placed(reading, { dimension: dimension as Dimension, row: rows[dimension] })).data;
}

/** What the ledger keeps: the count, and what a row that is gone is told by. */
function valueOf(counted: AttackCount): LedgerValue {
  const count = countOf(counted);
  return counted.dimension === 'country' ? { count, name: counted.row.name ?? null } : { count };
}
