import * as z from 'zod';
import { VendorError } from '../../core/errors.ts';
import type { ClockReading } from '../../core/http.ts';
import { readRecord } from '../../core/read-record.ts';
import type { RowBatch } from '../../core/row-batches.ts';
import type { Rows, Shape } from '../../core/rows.ts';
import type { Observation, SourceContext } from '../../core/source.ts';
import { list } from '../_kit/answer.ts';
import { isId, malformedKeys, membersOf } from '../_kit/keys.ts';
import { concernsTenant } from '../_kit/tenants.ts';
import { documented, ROUTES, urlOf } from '../_petra/api.ts';
import { parseTime } from '../_petra/fields.ts';
import { comparedValues, type Incident, record } from './normalise.ts';
import type { Context, Options } from './schemas.ts';

interface Question {
  /** Epoch ms, inclusive. */
  readonly from: number;
  /** Without it, all tenants. */
  readonly tenantId?: string;
}

/** One answer. */
export interface IncidentList {
  /** The wanted incidents, oldest first; made while they are iterated. */
  readonly parts: Iterable<readonly Observation[]>;
  /** How many incidents it contains, wanted or not. */
  readonly length: number;
  /** The list contains everything created from here (epoch ms) to the answer; later than asked when the list is full. */
  readonly reach: number;
  /** The vendor's clock at the answer, epoch ms. */
  readonly date: number;
  /** Our clock at the answer, epoch ms. */
  readonly at: number;
  /** The vendor's clock by this answer; undefined without a `Date`. */
  readonly clock: ClockReading | undefined;
}

const PATH = '/v1/incidents';
const SHAPE: Shape = { members: { incidents: { rows: true } } };
const envelope = z.looseObject({ incidents: list });
const created = z.looseObject({ createdAt: z.string().transform(parseTime) });

/**
 * Asks for the newest incidents since a time, at most `limit`.
 *
 * @throws UnexpectedAnswerError when the answer is not a list of incidents; otherwise as `Http.get`.
 */
export async function readList(
  context: SourceContext<Options>,
  { from, tenantId }: Question,
): Promise<IncidentList> {
  const { limit } = context.options;
  const startDate = new Date(Math.max(0, from)).toISOString();
  const answer = await context.http.get({
    path: PATH,
    query: { tenantId, startDate, limit },
    route: ROUTES.incidents,
    decimalText: ['dwellTimeMinutes'],
    rows: SHAPE,
    asked: { from, to: context.now() },
  });
  const { incidents: rows } = documented(answer, envelope, {
    what: 'The list of incidents is',
    url: urlOf(context.options, PATH),
    empty: { incidents: null },
  });
  return {
    parts: observe(context, rows, answer.date),
    length: rows.length,
    reach: rows.length < limit ? from : oldestOf(rows, answer.date) + 1,
    date: answer.date,
    at: answer.at,
    clock: answer.clock,
  };
}

/** A full list may lack others of its oldest millisecond, so it reaches back only to the next one. */
function oldestOf(rows: Rows, date: number): number {
  let oldest = Infinity;
  for (const row of rows) oldest = Math.min(oldest, created.safeParse(row).data?.createdAt ?? Infinity);
  return oldest === Infinity ? date : oldest;
}

/** The vendor lists the newest first, so the batches are read from the end. */
function* observe(
  context: SourceContext<Options>,
  rows: Rows,
  date: number,
): Generator<readonly Observation[]> {
  const keyOf = malformedKeys();
  for (const batch of rows.batches.toReversed())
    yield observeBatch(context, batch, { date, keyOf }).toReversed();
}

interface Listed {
  /** The vendor's clock, epoch ms. */
  readonly date: number;
  readonly keyOf: (name: unknown) => string;
}

function observeBatch(
  context: SourceContext<Options>,
  batch: RowBatch,
  { date, keyOf }: Listed,
): Observation[] {
  // With numbers as numbers, not as decimal text; made once, and only for rows that an event contains unchanged.
  let written: readonly unknown[] | undefined;
  const originalOf = (index: number) => (written ??= batch.asWritten())[index];
  return batch.rows().flatMap((row, index): Observation[] => {
    const reading = readRecord(record, row);
    if ('problem' in reading) return [malformed(originalOf(index), date, keyOf)];
    const { data: incident, leftOut } = reading;
    if (!isWanted(context, incident)) return [];
    // The key must be kept until the last re-read, so it counts from the later of creation and first sight.
    const at = Math.max(date, parseTime(incident.createdAt) ?? 0);
    const observed = { key: incident.id, record: row, value: comparedValues(row), at };
    return [leftOut === undefined ? observed : { ...observed, original: originalOf(index) }];
  });
}

/** Identified by its id, where it has one, and compared like an incident. */
function malformed(row: unknown, date: number, keyOf: (name: unknown) => string): Observation {
  const { id } = membersOf(row);
  if (!isId(id)) return { key: keyOf(row), record: row };
  return { key: keyOf(['id', id]), record: row, value: comparedValues(row), at: date };
}

/** An incident that names no tenant may be one of a wanted tenant. */
function isWanted({ options }: SourceContext<Options>, { tenant }: Incident): boolean {
  const { only } = options.tenants;
  const ids = [tenant?.petraTenantId, tenant?.microsoftTenantId].filter(isId);
  return only === undefined || ids.length === 0 || only.some((id) => ids.includes(id));
}

/** The list of one tenant, or why it could not be read. */
export type TenantReading =
  | { readonly list: IncidentList }
  /** `doubtful`: perhaps the vendor fails, not this tenant alone. */
  | { readonly error: VendorError; readonly doubtful: boolean };

/** Asks for the incidents of one tenant. An error that may concern this tenant alone is returned; others are thrown. */
export async function readTenantList(
  context: Context,
  tenantId: string,
  from: number,
): Promise<TenantReading> {
  try {
    return { list: await readList(context, { tenantId, from }) };
  } catch (error) {
    const concern = concernsTenant(error);
    if (!(error instanceof VendorError) || concern === undefined) throw error;
    return { error, doubtful: concern === 'doubtful' };
  }
}

/** Logs which tenant could not be read, and why: a gap's reason is only a word. */
export function warnOfTenant({ log }: Context, tenantId: string, error: VendorError): void {
  log.warn(
    { organization: { id: tenantId }, error: { type: error.name, message: error.message } },
    'A tenant could not be read; the others are. Its gap closes when it can be read again. Check whether it was paused or removed.',
  );
}
