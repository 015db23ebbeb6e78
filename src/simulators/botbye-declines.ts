import { DateTime } from 'luxon';
import type { Clock, Random } from '../core/clock.ts';
import {
  drawDecline,
  summarise,
  type Decline,
  type SeriesRow,
  type SummaryRow,
  type SummaryType,
  SUMMARY_TYPES,
} from './botbye-traffic.ts';
import type { Span } from '../core/source.ts';

export const INTERVAL_TYPES = { HOUR: 'hour', DAY: 'day', MONTH: 'month' } as const;
export type IntervalType = keyof typeof INTERVAL_TYPES;

const intervalTypes = Object.keys(INTERVAL_TYPES) as IntervalType[];

/** What a series has come to in one bucket. */
export interface SeriesTruth {
  /** Start of the bucket, epoch ms. */
  readonly bucket: number;
  readonly id: string;
  /** All that was declined in the bucket, whatever the counter forgot. */
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
  /** Declined requests a minute and project, on average; 0 for a test that declines by itself. */
  readonly perMinute: number;
  /** Milliseconds of traffic before the start. */
  readonly history: number;
}

/** The traffic moves in steps of this length; edges of buckets fall between steps. */
const STEP = 5000;

/** Counters of declined requests that grow with the lent clock: per project, interval type, bucket and summary type. */
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

  /** The vendor's counters fall: what the current buckets show is forgotten, and they count anew. */
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

  /** What was declined in every bucket so far. */
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

  /** The bucket that holds `at`; the last one is kept, since calendar work is slow. */
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
