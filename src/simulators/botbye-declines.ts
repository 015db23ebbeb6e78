import { DateTime } from 'luxon';
import type { Clock, Random } from '../core/clock.ts';
import type { Span } from '../core/source.ts';
import { pick } from './seeded.ts';

/** One request that BotBye declined, with what the summaries group by. */
export interface Decline {
  readonly remoteAddr: string;
  /** ISO 3166-1 alpha-3, or a code that is not in it. */
  readonly country: string;
  readonly requestUri: string;
  readonly failedMessage: string;
  readonly rule: { readonly ruleId: string; readonly ruleName: string };
}

export const SUMMARY_TYPES = [
  'attack_source',
  'country',
  'endpoint',
  'total_endpoint',
  'reason',
  'rule',
] as const;
export type SummaryType = (typeof SUMMARY_TYPES)[number];

/** A row without its count. */
export interface SeriesRow {
  readonly id: string;
  readonly projectId: string;
  readonly customerId: null;
  readonly [field: string]: string | number | null;
}

/** One row of a summary, as documented. */
export interface SummaryRow extends SeriesRow {
  readonly declinedReqCount: number;
}

type Fields = Readonly<Record<string, string>>;

/** Name and fields of a series, by type. The shape of `total_endpoint` is not documented: here one row for the project. */
const SERIES: Readonly<Record<SummaryType, (decline: Decline) => readonly [string, Fields]>> = {
  attack_source: ({ remoteAddr, country }) => [`${remoteAddr}_${country}`, { remoteAddr, country }],
  country: ({ country }) => [country, { country }],
  endpoint: ({ requestUri }) => [requestUri, { requestUri }],
  total_endpoint: () => ['total', {}],
  reason: ({ failedMessage }) => [failedMessage, { failedMessage }],
  rule: ({ rule }) => [rule.ruleId, rule],
};

/** The series that a declined request is counted in. */
export function summarise(type: SummaryType, projectId: string, decline: Decline): SeriesRow {
  const [name, fields] = SERIES[type](decline);
  return { id: `${projectId}_${name}`, projectId, customerId: null, ...fields };
}

const COUNTRIES = ['USA', 'DEU', 'VNM', 'BRA', 'GBR', 'XKX', 'ROU', ''] as const;
const URIS = ['/api/v1/login', '/api/v1/login?next=%2Faccount', '/checkout', '/api/v1/search?q=a'] as const;
const MESSAGES = ['Rate limit exceeded', 'Bot detected', 'Token is invalid'] as const;
const RULES = [
  { ruleId: 'rule-123', ruleName: 'Block suspicious user agents' },
  { ruleId: 'rule-124', ruleName: 'Block data centres' },
] as const;
/** Networks reserved for documentation (RFC 5737, RFC 3849). */
const NETWORKS = ['192.0.2.', '198.51.100.', '203.0.113.', '2001:db8::'] as const;

/** A few attackers cause most of the traffic, and new ones keep coming. An address keeps its country. */
export function drawDecline(random: Random): Decline {
  const attacker = Math.floor(random() ** 3 * 1000);
  const network = attacker % NETWORKS.length;
  return {
    remoteAddr: `${NETWORKS[network]}${1 + Math.floor(attacker / NETWORKS.length)}`,
    country: COUNTRIES[attacker % COUNTRIES.length] ?? '',
    requestUri: pick(random, URIS),
    failedMessage: pick(random, MESSAGES),
    rule: pick(random, RULES),
  };
}

export const INTERVAL_TYPES = { HOUR: 'hour', DAY: 'day', MONTH: 'month' } as const;
export type IntervalType = keyof typeof INTERVAL_TYPES;

const intervalTypes = Object.keys(INTERVAL_TYPES) as IntervalType[];

/** The true count of a series in one bucket. */
export interface SeriesTruth {
  /** Start of the bucket, epoch ms. */
  readonly bucket: number;
  readonly id: string;
  /** Everything declined in the bucket, even if the counter was reset. */
  readonly declined: number;
}

interface Series {
  readonly row: SeriesRow;
  shown: number;
  declined: number;
}

type Bucket = Readonly<Record<SummaryType, Map<string, Series>>>;

interface Traffic {
  readonly clock: Clock;
  readonly random: Random;
  readonly projectIds: readonly string[];
  /** IANA zone in which hours, days and months begin. */
  readonly zone: string;
  /** Declined requests a minute and project, on average; 0 when a test adds them. */
  readonly perMinute: number;
  /** Milliseconds of traffic before the start. */
  readonly history: number;
}

/** Traffic advances in steps of this length, ms; the edges of buckets are between steps. */
const STEP = 5000;

/** Counters of declined requests that grow with the clock, per project, interval type, bucket and summary type. */
export class Declines {
  readonly #traffic: Traffic;
  /** By project, interval type and start of the bucket. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #current = new Map<IntervalType, Span>();
  #until: number;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
    this.#until = Math.floor((traffic.clock.now() - traffic.history) / STEP) * STEP;
  }

  /** Adds declined requests now. */
  decline(project: string, decline: Decline, count = 1): void {
    this.#advance();
    this.#count(project, decline, count, this.#traffic.clock.now());
  }

  /** Resets the counters of the current buckets, which then count from 0. */
  reset(project: string): void {
    this.#advance();
    for (const type of intervalTypes) {
      const bucket = this.#bucket(project, type, this.#traffic.clock.now());
      for (const series of Object.values(bucket).flatMap((all) => [...all.values()])) series.shown = 0;
    }
  }

  /** The totals so far of the bucket that holds `at`; most declined first. */
  rows(project: string, summary: SummaryType, type: IntervalType, at: number): SummaryRow[] {
    this.#advance();
    return [...this.#bucket(project, type, at)[summary].values()]
      .filter(({ shown }) => shown > 0)
      .map(({ row, shown }) => ({ ...row, declinedReqCount: shown }))
      .toSorted((one, other) => other.declinedReqCount - one.declinedReqCount);
  }

  /** The true counts of every bucket so far. */
  truth(project: string, summary: SummaryType, type: IntervalType): SeriesTruth[] {
    this.#advance();
    const prefix = `${project}|${type}|`;
    return [...this.#buckets]
      .filter(([key]) => key.startsWith(prefix))
      .flatMap(([key, series]) =>
        [...series[summary]].map(([id, { declined }]) => ({
          bucket: Number(key.slice(prefix.length)),
          id,
          declined,
        })),
      );
  }

  #advance(): void {
    const { clock, random, projectIds, perMinute } = this.#traffic;
    const mean = (perMinute * STEP) / 60_000;
    for (; this.#until + STEP <= clock.now(); this.#until += STEP) {
      for (const project of projectIds) {
        const count = perMinute === 0 ? 0 : Math.floor(2 * mean * random() + random());
        for (let n = 0; n < count; n += 1) this.#count(project, drawDecline(random), 1, this.#until);
      }
    }
  }

  #count(project: string, decline: Decline, count: number, at: number): void {
    for (const type of intervalTypes) {
      const bucket = this.#bucket(project, type, at);
      for (const summary of SUMMARY_TYPES) {
        const row = summarise(summary, project, decline);
        const series = bucket[summary].get(row.id) ?? { row, shown: 0, declined: 0 };
        series.shown += count;
        series.declined += count;
        bucket[summary].set(row.id, series);
      }
    }
  }

  #bucket(project: string, type: IntervalType, at: number): Bucket {
    const key = `${project}|${type}|${this.#span(type, at).from}`;
    const bucket = this.#buckets.get(key) ?? emptyBucket();
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** The bucket that contains `at`. The last one is cached, because calendar arithmetic is slow. */
  #span(type: IntervalType, at: number): Span {
    const last = this.#current.get(type);
    if (last !== undefined && last.from <= at && at < last.to) return last;
    const unit = INTERVAL_TYPES[type];
    const start = DateTime.fromMillis(at, { zone: this.#traffic.zone }).startOf(unit);
    const span = {
      from: start.toMillis(),
      to: start
        .plus({ [unit]: 1 })
        .startOf(unit)
        .toMillis(),
    };
    this.#current.set(type, span);
    return span;
  }
}

function emptyBucket(): Bucket {
  return Object.fromEntries(SUMMARY_TYPES.map((summary) => [summary, new Map()])) as unknown as Bucket;
}
