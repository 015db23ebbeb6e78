import { z } from 'zod';
import type { LedgerValue, Observation } from '../../source.ts';
import { readRecord } from '../../read-record.ts';
import { optionalList } from '../_kit/answer.ts';
import { isId, malformedKeys, membersOf } from '../_kit/malformed.ts';
import { parseTime } from '../_petra/time.ts';
import type { Reading } from './answer.ts';
import { dayOf, isoDay, spanOf, type Day } from './day.ts';
import { countOf, record, subjectOf, withCount, type AttackCount, type Dimension } from './record.ts';

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

/**
 * The counters of one reading: total, attack types, countries, users. Known totals, types and countries that are gone
 * have fallen to 0; a user who is gone only left the list of the most targeted.
 */
export function observe(
  reading: Reading,
  known: ReadonlyMap<string, LedgerValue>,
  { final }: { final: boolean },
): Observation[] {
  const { counters, misfits } = sort(reading);
  const unsure = new Set(misfits.map(({ record }) => dimensionOf(record as Row)));
  const gone = [...known].flatMap(([key, value]) => {
    const counted = counters.has(key) ? undefined : fallenTo0(reading, key, value);
    // A row that does not fit may be the one that is missed.
    if (counted === undefined || unsure.has(counted.dimension)) return [];
    return [[key, { counted, raw: counted }] as const];
  });
  const told = [...counters, ...gone].map(([key, { counted, raw }]): Observation => {
    return { key, record: raw, value: valueOf(counted), final, at: spanOf(reading.day).from };
  });
  return [...told.filter(({ key, value }) => final || !hasFallen(value, known.get(key))), ...misfits];
}

/** While a day goes on, a lower count waits: only a closed day is told downwards, and its final telling makes it true. */
function hasFallen(value: LedgerValue | undefined, before: LedgerValue | undefined): boolean {
  return before !== undefined && Number(value?.['count']) < Number(before['count']);
}

function dimensionOf({ dimension }: Row): Row['dimension'] {
  return dimension === 'by_day' ? 'attack_type' : dimension;
}

/** The whole answer as one record that does not fit: it counts something else than was asked. */
export function observeMisread(reading: Reading): Observation[] {
  const record = placed(reading, { dimension: 'date_range', row: reading.body });
  return [{ key: malformedKeys()(record), record }];
}

/** A row that is counted: what it says, and as it came. */
interface Counter {
  readonly counted: AttackCount;
  readonly raw: unknown;
}

function sort(reading: Reading): { counters: Map<string, Counter>; misfits: Observation[] } {
  const counters = new Map<string, Counter>();
  const misfits: Observation[] = [];
  const keyOf = malformedKeys();
  for (const row of rowsOf(reading)) {
    const raw = placed(reading, row);
    const read = readRecord(record, raw);
    if ('problem' in read) {
      const name = [isoDay(reading.day), row.dimension, ...nameOf(row)];
      misfits.push({ key: keyOf(name), record: raw, at: spanOf(reading.day).from });
      continue;
    }
    const counted = read.data;
    const key = `${dayPrefix(reading.day)}${counted.dimension}|${subjectOf(counted)}`;
    const before = counters.get(key);
    counters.set(key, before === undefined ? { counted, raw } : sumOf(before, counted));
  }
  return { counters, misfits };
}

/** Two rows of one subject are parts of its count. */
function sumOf({ counted, raw }: Counter, other: AttackCount): Counter {
  const count = countOf(counted) + countOf(other);
  return { counted: withCount(counted, count), raw: withCount(raw as AttackCount, count) };
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

function rowsOf({ day, report }: Reading): Row[] {
  const { totalCount, byCountry, byDay, topTargetedUsers } = report;
  return [
    { dimension: 'total', row: { totalCount } },
    ...byDay.flatMap((entry) => typesOf(entry, day)),
    ...byCountry.map((row): Row => ({ dimension: 'country', row })),
    ...topTargetedUsers.map((row): Row => ({ dimension: 'user', row })),
  ];
}

/** Rows of other days than the one asked are dropped: they are counted when their own day is read. */
function typesOf(entry: unknown, day: Day): Row[] {
  const { data } = dayEntry.safeParse(entry);
  if (data?.date === undefined) return [{ dimension: 'by_day', row: entry }];
  if (dayOf(data.date) !== day) return [];
  return data.byType.map((row) => ({ dimension: 'attack_type', row }));
}

function placed({ day, report }: Reading, { dimension, row }: Row) {
  return { tenant: report.tenant, day: isoDay(day), dimension, row };
}

function fallenTo0(reading: Reading, key: string, { name = null }: LedgerValue): AttackCount | undefined {
  const [dimension, ...rest] = key.slice(dayPrefix(reading.day).length).split('|');
  const subject = rest.join('|');
  const rows: Readonly<Record<string, unknown>> = {
    total: { totalCount: 0 },
    attack_type: { attackType: subject, count: 0 },
    country: { countryCode: subject, name, count: 0 },
  };
  return record.safeParse({
    ...placed(reading, { dimension: 'total', row: rows[dimension ?? ''] }),
    dimension,
  }).data;
}

/** What the ledger keeps: the count, and what a row that is gone is told by. */
function valueOf(counted: AttackCount): LedgerValue {
  const count = countOf(counted);
  return counted.dimension === 'country' ? { count, name: counted.row.name ?? null } : { count };
}
