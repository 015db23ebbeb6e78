import * as z from 'zod';
import { toJson } from '../../core/json.ts';
import type { Shape } from '../../core/rows.ts';
import type { Span } from '../../core/source.ts';
import { optionalList } from '../_kit/answer.ts';
import { membersOf } from '../_kit/keys.ts';
import { documented, ROUTES, urlOf } from '../_petra/api.ts';
import { parseTime, vendorTime } from '../_petra/fields.ts';
import { type Context, type Day, isoDay, spanOf } from './schemas.ts';

const time = vendorTime.transform((text) => parseTime(text) ?? 0);

/** `FailedAttacksResponse` of the documentation. Its rows are validated one by one. */
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

/** What a report counts. Each may be left out, but an answer without any of them is not a report. */
const COUNTS = ['totalCount', 'byCountry', 'byDay', 'topTargetedUsers'];

/** What Petra counted on one day for one tenant. */
export interface Report {
  readonly day: Day;
  readonly counts: z.output<typeof envelope>;
  /** The whole answer as it came; made when it is called. */
  readonly body: () => Promise<unknown>;
  /** The vendor's clock at the answer, epoch ms. */
  readonly date: number;
  /** Our clock at the answer, epoch ms. */
  readonly at: number;
  /** Whether the answer covers the day that was asked and nothing else. */
  readonly fits: 'exactly' | 'too-wide' | 'too-narrow';
}

const PATH = '/v1/failed-attacks';
/** By how much the end of a window may fall short: vendors leave out milliseconds. */
const SECOND = 1000;
/** A longer tenant is not repeated in every record. Characters of JSON. */
const LONGEST_TENANT = 4_096;

/**
 * Asks for a single day, from its first to its last millisecond, so that the totals are those of the day whether the end
 * is inclusive or not.
 *
 * @throws UnexpectedAnswerError when the answer is not a report; otherwise as `Http.get`.
 */
export async function readDay(context: Context, day: Day): Promise<Report> {
  const iso = isoDay(day);
  const answer = await context.http.get({
    path: PATH,
    query: { tenantId: context.scope.id, startDate: `${iso}T00:00:00.000Z`, endDate: `${iso}T23:59:59.999Z` },
    route: ROUTES.failedAttacks,
    rows: SHAPE,
    asked: spanOf(day),
  });
  const counts = documented(answer, envelope, {
    what: 'The failed attacks are',
    url: urlOf(context.options, PATH),
    empty: nothingOn(iso),
    lacks: withoutCounts,
  });
  const { dateRange, tenant } = counts;
  const isLong = toJson(tenant ?? null).length > LONGEST_TENANT;
  return {
    day,
    counts: { ...counts, tenant: isLong ? undefined : tenant },
    body: () => answer.whole(),
    date: answer.date,
    at: answer.at,
    fits: compare({ from: dateRange.startDate, to: dateRange.endDate }, spanOf(day)),
  };
}

/** What an answer without content means. */
function nothingOn(day: string) {
  const dateRange = { startDate: `${day}T00:00:00.000Z`, endDate: `${day}T23:59:59.999Z` };
  return { dateRange, totalCount: 0 };
}

function withoutCounts(body: unknown): string | undefined {
  return COUNTS.some((name) => Object.hasOwn(membersOf(body), name)) ? undefined : 'it contains no counts';
}

function compare({ from, to }: Span, day: Span): Report['fits'] {
  if (from < day.from || to >= day.to) return 'too-wide';
  return from > day.from || to < day.to - SECOND ? 'too-narrow' : 'exactly';
}

/** Logs that an answer is not of the day that was asked. */
export function warnOfWindow({ log, scope }: Context, { counts: { dateRange }, fits }: Report): void {
  log.warn(
    {
      organization: { id: scope.id },
      event: {
        start: new Date(dateRange.startDate).toISOString(),
        end: new Date(dateRange.endDate).toISOString(),
        reason: fits,
      },
    },
    'Petra answered for another window than the day that was asked; the answer is shipped as a pipeline error, not counted.',
  );
}
