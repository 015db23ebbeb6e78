import countries from 'i18n-iso-countries/index.js';
import * as z from 'zod';
import { compact, type EcsEvent, type FieldTable } from '../../core/event.ts';
import type { MappingContext } from '../../core/source.ts';
import { addressOf, bucketInWords, changeInWords, isoTime } from '../../ecs/common.ts';
import { INTERVAL_TYPES } from './schemas.ts';

/** What a row needs: a series and its count so far. */
export const counted = z.looseObject({ id: z.string().min(1), declinedReqCount: z.int().nonnegative() });

export type Counted = z.output<typeof counted>;

export function isCounted(value: unknown): value is Counted {
  return counted.safeParse(value).success;
}

const text = z.string().nullish();

/** A row, with what it does not say itself: where and when it was counted. */
export const record = z.object({
  account: z.string(),
  project: z.string(),
  /** The `type` that was asked for. */
  dimension: z.string(),
  interval_type: z.enum(INTERVAL_TYPES),
  /** The time zone in which the bucket begins. */
  zone: z.string().default('UTC'),
  /** The bucket, epoch ms. */
  from: z.number(),
  to: z.number(),
  /** Of a closed bucket: the last reading, epoch ms. What was declined after it is unseen. */
  read: z.number().optional(),
  /** One row of a summary of any type (api-docs.botbye.com, "Get Declined Requests Summary"). */
  row: counted.extend({
    projectId: text,
    remoteAddr: text,
    country: text,
    requestUri: text,
    failedMessage: text,
    ruleId: text,
    ruleName: text,
  }),
});

export type DeclinedRequests = z.output<typeof record>;

/** The fields of these events that ECS does not define. */
export const DECLINED_FIELDS: FieldTable = {
  'botbye.account.id': 'keyword',
  'botbye.project.id': 'keyword',
  'botbye.declined_requests.dimension': 'keyword',
  'botbye.declined_requests.id': 'keyword',
  'botbye.declined_requests.count': 'long',
  'botbye.declined_requests.delta': 'long',
  'botbye.declined_requests.final': 'boolean',
  'botbye.declined_requests.interval.type': 'keyword',
  'botbye.declined_requests.interval.count': 'long',
  'botbye.declined_requests.read_until': 'date',
  'botbye.declined_requests.country': 'keyword',
};

/** A count in ECS. `@timestamp` is the time of the reading; `event.start` and `event.end` are the bucket. */
export function normalise(declined: DeclinedRequests, context: MappingContext): EcsEvent {
  const { row, read } = declined;
  const { observedAt, reason, delta } = context;
  return {
    ...compact({
      '@timestamp': isoTime(observedAt),
      'event.start': isoTime(declined.from),
      'event.end': isoTime(declined.to),
      'event.reason': row.failedMessage,
      ...addressOf('source', row.remoteAddr ?? undefined),
      'source.geo.country_iso_code': alpha2Of(row.country ?? ''),
      ...urlFields(row.requestUri ?? ''),
      'rule.id': row.ruleId,
      'rule.name': row.ruleName,
      'botbye.account.id': declined.account,
      'botbye.project.id': declined.project,
      'botbye.declined_requests.dimension': declined.dimension,
      'botbye.declined_requests.id': row.id,
      'botbye.declined_requests.count': row.declinedReqCount,
      'botbye.declined_requests.delta': delta,
      'botbye.declined_requests.final': reason === 'final',
      'botbye.declined_requests.interval.type': declined.interval_type,
      'botbye.declined_requests.interval.count': 1,
      'botbye.declined_requests.read_until': read === undefined ? undefined : isoTime(read),
      message: sentence(declined, context),
    }),
    // As the vendor wrote it, whatever it is: an empty code means an unknown country.
    ...(typeof row.country === 'string' && { 'botbye.declined_requests.country': row.country }),
  };
}

/** Split at the first `?`, without decoding anything: both parts together are what the vendor wrote. */
function urlFields(uri: string): EcsEvent {
  const [path = '', ...query] = uri.split('?');
  return { 'url.path': path, 'url.query': query.join('?') };
}

/** Kosovo has no code in ISO 3166-1. Petra writes `XK`, so a country has one code in all sources. */
const KOSOVO = 'XKX';

/** ISO 3166-1 alpha-2 of an alpha-3 code, `XK` of Kosovo's; undefined for anything else. */
function alpha2Of(code: string): string | undefined {
  if (code === KOSOVO) return 'XK';
  // The library looks codes up in a plain object, which has a member `constructor` too.
  return /^[A-Z]{3}$/.test(code) ? countries.alpha3ToAlpha2(code) : undefined;
}

const NOW: Readonly<Record<DeclinedRequests['interval_type'], string>> = {
  HOUR: 'this hour',
  DAY: 'today',
  MONTH: 'this month',
};

/** `BotBye: 36 declined from DEU today (+1), project shop` */
function sentence(declined: DeclinedRequests, { observedAt, delta, reason }: MappingContext): string {
  const { row, project, interval_type: unit, from, zone } = declined;
  const final = reason === 'final';
  const when = final ? `, ${bucketInWords({ from, unit, zone, now: observedAt })}` : ` ${NOW[unit]}`;
  const change = changeInWords(delta, final);
  return `BotBye: ${row.declinedReqCount} declined ${subjectOf(declined)}${when} ${change}, project ${project}`;
}

/** What was declined. BotBye leaves a name empty that it does not know, such as the country of an address. */
function subjectOf({ row, project, dimension }: DeclinedRequests): string {
  const name = row.id.replace(`${row.projectId ?? project}_`, '');
  switch (dimension) {
    case 'attack_source':
      return `from ${row.remoteAddr || 'an unknown address'}${row.country ? ` (${row.country})` : ''}`;
    case 'country':
      return `from ${(row.country ?? name) || 'an unknown country'}`;
    case 'endpoint':
      return `at ${pathOf(row.requestUri ?? name) || 'an unknown endpoint'}`;
    case 'reason':
      return `for ${quoted(row.failedMessage ?? name) || 'an unknown reason'}`;
    case 'rule':
      return `by ${quoted(row.ruleName || row.ruleId || name) || 'an unknown rule'}`;
    default:
      return name === '' ? `of ${dimension}` : `of ${dimension} ${name}`;
  }
}

/** Without the query, which is long and may contain secrets. */
function pathOf(uri: string): string {
  return uri.split('?', 1)[0] ?? '';
}

function quoted(name: string): string {
  return name === '' ? '' : `"${name}"`;
}
