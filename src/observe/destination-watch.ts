import type { Clock } from '../core/clock.ts';
import type { DeliveryObserver, ResponseKind, ResponseReport } from '../core/delivery-state.ts';
import { Histogram, LAG_SECONDS, REQUEST_SECONDS } from './histogram.ts';
import { LastHour } from './last-hour.ts';

/** The values of the label `answer`: names of metrics and their labels do not change. */
const LABELS = {
  accepted: 'acknowledge',
  retry: 'wait',
  paused: 'pause',
  rejected: 'bisect',
} as const satisfies Record<ResponseKind, string>;

/** What this process has seen of one destination: counts for metrics, reported by its delivery. */
export class DestinationWatch implements DeliveryObserver {
  readonly answers = { acknowledge: 0, wait: 0, pause: 0, bisect: 0 };
  readonly duration = new Histogram(REQUEST_SECONDS);
  /** By source: from the time of a live event to its acknowledgement. */
  readonly lag = new Map<string, Histogram>();
  /** By source: bytes of accepted requests, before compression. */
  readonly sentBytes = new Map<string, number>();
  delivered = 0;
  deadLetters = 0;
  /** Events that were skipped because the backlog was too large. */
  skipped = 0;
  readonly deliveredLastHour: LastHour;

  constructor(clock: Clock) {
    this.deliveredLastHour = new LastHour(clock);
  }

  onResponse({ kind, delivered, duration, at, accepted, bytes, redelivered }: ResponseReport): void {
    this.answers[LABELS[kind]] += 1;
    this.duration.observe(duration);
    this.delivered += delivered;
    this.deliveredLastHour.add(delivered);
    for (const [source, more] of bytes) this.sentBytes.set(source, (this.sentBytes.get(source) ?? 0) + more);
    // A response that rejects some does not say which; the time of a redelivery or a backfill is no lag.
    if (redelivered || delivered < accepted.length) return;
    for (const event of accepted) {
      if (event.lane === 'live') this.#lagOf(event.source).observe(at - event.at);
    }
  }

  onDeadLetters(count: number): void {
    this.deadLetters += count;
  }

  onSkipped(count: number): void {
    this.skipped += count;
  }

  #lagOf(source: string): Histogram {
    const known = this.lag.get(source) ?? new Histogram(LAG_SECONDS);
    this.lag.set(source, known);
    return known;
  }
}
