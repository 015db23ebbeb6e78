import { z } from 'zod';
import { errorIn, isEmpty, optionalList } from '../_kit/answer.ts';
import { membersOf } from '../_kit/keys.ts';
import { ROUTES, urlOf } from '../_petra/api.ts';
import { parseTime, vendorTime } from '../_petra/fields.ts';
import { UnexpectedAnswerError } from '../../core/errors.ts';
import { toJson } from '../../core/json.ts';
import type { Shape } from '../../core/rows.ts';
import type { Span, StreamContext } from '../../core/source.ts';
import { type Day, isoDay, type Options, spanOf } from './schemas.ts';

export type Poll = StreamContext<Options>;

const time = vendorTime.transform((text) => parseTime(text) ?? 0);

/** `FailedAttacksResponse` of the documents; its rows are looked at one by one. */
const envelope = z.looseObject({
  dateRange: z.looseObject({ startDate: time, endDate: time }),
  tenant: z.unknown().optional(),
  totalCount: z.unknown().optional(),
  byCountry: optionalList,
  byDay: optionalList,
  topTargetedUsers: optionalList,
});

const ROWS = { rows: true } as const;
const SHAPE: Shape = {
  members: {
    byCountry: ROWS,
    byDay: { rows: true, of: { members: { byType: ROWS } } },
    topTargetedUsers: ROWS,
  },
};

/** What a report counts. A list that is left out is empty; without any of them it is no report. */
const COUNTS = ['totalCount', 'byCountry', 'byDay', 'topTargetedUsers'];

/** What Petra counted in one day of one tenant. */
export interface Reading {
  readonly day: Day;
  readonly report: z.output<typeof envelope>;
  /** The whole answer, as it came; made when it is asked for. */
  readonly body: () => Promise<unknown>;
  /** The vendor's clock at the answer, epoch ms. */
  readonly date: number;
  /** Our clock at the answer, epoch ms. */
  readonly at: number;
  /** Whether the answer covers the day that was asked, and nothing else. */
  readonly fits: 'exactly' | 'too-wide' | 'too-narrow';
}

const PATH = '/v1/failed-attacks';
/** The least that an end may lack: vendors leave milliseconds out. */
const SECOND = 1000;

/**
 * Asks for a single day, from its first to its last millisecond, so that totals are those of the day whether the end
 * is inclusive or not.
 *
 * @throws UnexpectedAnswerError when the answer is no report, else what `Http.get` throws.
 */
export async function readDay(run: Poll, day: Day): Promise<Reading> {
  const iso = isoDay(day);
  const answer = await run.http.get({
    path: PATH,
    query: { tenantId: run.scope.id, startDate: `${iso}T00:00:00.000Z`, endDate: `${iso}T23:59:59.999Z` },
    route: ROUTES.failedAttacks,
    rows: SHAPE,
    asked: spanOf(day),
  });
  const body = isEmpty(answer) ? nothingOn(iso) : answer.json();
  const parsed = envelope.safeParse(body);
  const failure = errorIn(body) ?? (parsed.success ? countless(body) : z.prettifyError(parsed.error));
  if (failure !== undefined || parsed.data === undefined) {
    throw new UnexpectedAnswerError(
      `The failed attacks are not what Petra documents: ${failure}`,
      urlOf(run.options, PATH),
      answer.status,
      { cause: parsed.error },
    );
  }
  const { startDate: from, endDate: to } = parsed.data.dateRange;
  const report = { ...parsed.data, tenant: repeatable(parsed.data.tenant) };
  const fits = compare({ from, to }, spanOf(day));
  const { date, at } = answer;
  return { day, report, body: () => answer.whole(), date, at, fits };
}

/** A longer tenant is not repeated in the record of each row. Characters of JSON. */
const LONGEST_TENANT = 4_096;

function repeatable(tenant: unknown): unknown {
  return toJson(tenant ?? null).length > LONGEST_TENANT ? undefined : tenant;
}

/** What an answer without content says of a day. */
function nothingOn(day: string) {
  const dateRange = { startDate: `${day}T00:00:00.000Z`, endDate: `${day}T23:59:59.999Z` };
  return { dateRange, totalCount: 0 };
}

function countless(body: unknown): string | undefined {
  return COUNTS.some((name) => Object.hasOwn(membersOf(body), name)) ? undefined : 'it counts nothing';
}

function compare({ from, to }: Span, day: Span): Reading['fits'] {
  if (from < day.from || to >= day.to) return 'too-wide';
  return from > day.from || to < day.to - SECOND ? 'too-narrow' : 'exactly';
}
