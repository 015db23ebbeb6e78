import { z } from 'zod';
import { errorIn, isEmpty, list } from '../_kit/answer.ts';
import { isId, malformedKeys, membersOf } from '../_kit/keys.ts';
import { ROUTES, urlOf } from '../_petra/api.ts';
import { parseTime } from '../_petra/fields.ts';
import {
  RefusedError,
  ThrottledError,
  TooLargeError,
  UnauthorisedError,
  UnavailableError,
  UnexpectedAnswerError,
  VendorError,
} from '../../core/errors.ts';
import type { ClockReading, HttpAnswer } from '../../core/http.ts';
import { readRecord } from '../../core/read-record.ts';
import { type Batch, Rows, type Shape } from '../../core/rows.ts';
import type { Observation, SourceContext, StreamContext } from '../../core/source.ts';
import { comparedValues, type Incident, record } from './normalise.ts';
import type { Options } from './schemas.ts';

export type Poll = StreamContext<Options>;

interface Question {
  /** Epoch ms, inclusive. */
  readonly from: number;
  /** Without it, all tenants. */
  readonly tenantId?: string;
}

/** What one list says. */
export interface IncidentList {
  /** Of its incidents, the wanted ones, oldest first; made while they are walked through. */
  readonly parts: Iterable<readonly Observation[]>;
  /** How many incidents it has. */
  readonly length: number;
  /** All that was created from here (epoch ms) up to the answer is in the list; later than asked when the list is full. */
  readonly reach: number;
  /** The vendor's clock at the answer, epoch ms. */
  readonly date: number;
  /** Our clock at the answer, epoch ms. */
  readonly at: number;
  /** What it says of the vendor's clock; undefined without a `Date`. */
  readonly clock: ClockReading | undefined;
}

const PATH = '/v1/incidents';
const SHAPE: Shape = { members: { incidents: { rows: true } } };
const envelope = z.looseObject({ incidents: list });
const created = z.looseObject({ createdAt: z.string().transform(parseTime) });

/**
 * Asks for the newest incidents from a time on, at most `limit`.
 *
 * @throws UnexpectedAnswerError when the answer is no list of incidents, else what `Http.get` throws.
 */
export async function readList(
  run: SourceContext<Options>,
  { from, tenantId }: Question,
): Promise<IncidentList> {
  const { limit } = run.options;
  const startDate = new Date(Math.max(0, from)).toISOString();
  const answer = await run.http.get({
    path: PATH,
    query: { tenantId, startDate, limit },
    route: ROUTES.incidents,
    decimalText: ['dwellTimeMinutes'],
    rows: SHAPE,
    asked: { from, to: run.now() },
  });
  const rows = rowsOf(run, answer);
  return {
    parts: observe(run, rows, answer.date),
    length: rows.length,
    reach: rows.length < limit ? from : oldestOf(rows, answer.date) + 1,
    date: answer.date,
    at: answer.at,
    clock: answer.clock,
  };
}

function rowsOf({ options }: SourceContext<Options>, answer: HttpAnswer): Rows {
  if (isEmpty(answer)) return Rows.of();
  const body = answer.json();
  const parsed = envelope.safeParse(body);
  const failure = errorIn(body) ?? (parsed.success ? undefined : z.prettifyError(parsed.error));
  if (failure === undefined) return parsed.data?.incidents ?? Rows.of();
  throw new UnexpectedAnswerError(
    `The list of incidents is not what Petra documents: ${failure}`,
    urlOf(options, PATH),
    answer.status,
    { cause: parsed.error },
  );
}

/** A full list may have cut others of the same millisecond as its oldest, so it reaches back only to the next one. */
function oldestOf(rows: Rows, date: number): number {
  let oldest = Infinity;
  for (const row of rows) oldest = Math.min(oldest, created.safeParse(row).data?.createdAt ?? Infinity);
  return oldest === Infinity ? date : oldest;
}

/** The vendor lists the newest first, so its pages are taken from the end. */
function* observe(run: SourceContext<Options>, rows: Rows, date: number): Generator<readonly Observation[]> {
  const keyOf = malformedKeys();
  for (const batch of rows.batches.toReversed()) yield observeBatch(run, batch, { date, keyOf }).toReversed();
}

interface Listed {
  /** The vendor's clock, epoch ms. */
  readonly date: number;
  readonly keyOf: (name: unknown) => string;
}

function observeBatch(run: SourceContext<Options>, batch: Batch, { date, keyOf }: Listed): Observation[] {
  // With their numbers as numbers: made once, and only for rows that go into an event as they came.
  let written: readonly unknown[] | undefined;
  const originalOf = (index: number) => (written ??= batch.asWritten())[index];
  return batch.rows().flatMap((row, index): Observation[] => {
    const reading = readRecord(record, row);
    if ('problem' in reading) return [malformed(originalOf(index), date, keyOf)];
    const { data: incident, leftOut } = reading;
    if (!isWanted(run, incident)) return [];
    // Not forgotten before its last re-read: that is, counted from the later of creation and first sight.
    const at = Math.max(date, parseTime(incident.createdAt) ?? 0);
    const observed = { key: incident.id, record: row, value: comparedValues(row), at };
    return [leftOut === undefined ? observed : { ...observed, original: originalOf(index) }];
  });
}

/** Known by its id, where it has one, and compared as an incident is. */
function malformed(row: unknown, date: number, keyOf: (name: unknown) => string): Observation {
  const { id } = membersOf(row);
  if (!isId(id)) return { key: keyOf(row), record: row };
  return { key: keyOf(['id', id]), record: row, value: comparedValues(row), at: date };
}

/** An incident that does not say whose it is may be of a tenant that is wanted. */
function isWanted({ options }: SourceContext<Options>, { tenant }: Incident): boolean {
  const { only } = options.tenants;
  const ids = [tenant?.petraTenantId, tenant?.microsoftTenantId].filter(isId);
  return only === undefined || ids.length === 0 || only.some((id) => ids.includes(id));
}

/** What asking for one tenant came to. */
export type TenantReading =
  | { readonly list: IncidentList }
  /** `doubtful`: it may be the vendor that fails, and not this tenant alone. */
  | { readonly error: VendorError; readonly doubtful: boolean };

/** Asks for one tenant. An error that other tenants need not share is returned; every other one is thrown. */
export async function readTenant(run: Poll, tenantId: string, from: number): Promise<TenantReading> {
  try {
    return { list: await readList(run, { tenantId, from }) };
  } catch (error) {
    if (error instanceof VendorError && isOfTenant(error)) return { error, doubtful: false };
    if (error instanceof VendorError && isDoubtful(error)) return { error, doubtful: true };
    throw error;
  }
}

/** 404 and the like. A 403 too: the list of all tenants was answered with the same key a moment before. */
function isOfTenant(error: VendorError): boolean {
  if (error instanceof UnauthorisedError) return error.status === 403;
  return error instanceof RefusedError || error instanceof TooLargeError;
}

function isDoubtful(error: VendorError): boolean {
  if (error instanceof UnavailableError) return !(error instanceof ThrottledError);
  return error instanceof UnexpectedAnswerError;
}

/** Says which tenant cannot be read, and why: a gap names its reason only in a word. */
export function warnOfTenant({ log }: Poll, tenantId: string, error: VendorError): void {
  log.warn(
    { organization: { id: tenantId }, error: { type: error.name, message: error.message } },
    'A tenant cannot be read; the others go on. Its gap closes when it answers again. Is it paused, or was it removed?',
  );
}
