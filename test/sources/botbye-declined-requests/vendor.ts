import { DateTime, type DateTimeUnit } from 'luxon';
import { UnavailableError } from '../../../src/core/errors.ts';
import { answering } from '../../support/answering.ts';
import type { Http } from '../../../src/core/http.ts';

/** A vendor whose rows and clock a test sets, behind the client that a source gets: for thousands of polls a second. */
export class Vendor {
  now: number;
  /** The `Date` of its answers, where its servers' clocks differ. */
  date: (() => number) | undefined;
  away = false;
  /** Instead of the rows. */
  body: unknown;
  readonly counts = new Map<string, number>();
  readonly #unit: DateTimeUnit;
  readonly #zone: string;

  constructor(start: string, { unit = 'day', zone = 'UTC' }: { unit?: DateTimeUnit; zone?: string } = {}) {
    this.now = Date.parse(start);
    this.#unit = unit;
    this.#zone = zone;
  }

  /** Time passes; a new bucket begins empty. */
  pass(ms: number): void {
    const before = this.bucket;
    this.now += ms;
    if (this.bucket !== before) this.counts.clear();
  }

  to(iso: string): void {
    this.pass(Date.parse(iso) - this.now);
  }

  decline(id: string, count: number): void {
    this.counts.set(id, (this.counts.get(id) ?? 0) + count);
  }

  /** Start of the bucket, epoch ms. */
  get bucket(): number {
    return DateTime.fromMillis(this.now, { zone: this.#zone }).startOf(this.#unit).toMillis();
  }

  get http(): Http {
    const request: Http['request'] = async (wanted) => {
      if (this.away) throw new UnavailableError('BotBye is away.', 'http://botbye', 503);
      const rows = [...this.counts].map(([id, declinedReqCount]) => ({ id, declinedReqCount }));
      const body = this.body === undefined ? rows : this.body;
      const date = Math.floor((this.date?.() ?? this.now) / 1000) * 1000;
      return answering(body, wanted, date);
    };
    return { available: async () => Infinity, recall: () => undefined, request, get: request };
  }
}
