import type { Clock } from '../core/clock.ts';
import type { Told } from '../deliver/delivery-parts.ts';
import { Histogram, LAG_SECONDS, REQUEST_SECONDS } from './histogram.ts';
import { LastHour } from './last-hour.ts';

/** What this process has seen of one destination; counts for metrics. Told by the delivery. */
export class DestinationWatch {
  readonly answers: Record<Told['answer'], number> = { acknowledge: 0, wait: 0, pause: 0, bisect: 0 };
  readonly duration = new Histogram(REQUEST_SECONDS);
  /** By source: from the time of a live event to its acknowledgement. */
  readonly lag = new Map<string, Histogram>();
  /** By source: bytes of accepted requests, before compression. */
  readonly sentBytes = new Map<string, number>();
  delivered = 0;
  deadLetters = 0;
  /** Events that were skipped because too much waited. */
  skipped = 0;
  readonly deliveredLastHour: LastHour;

  constructor(clock: Clock) {
    this.deliveredLastHour = new LastHour(clock);
  }

  answer({ answer, delivered, duration, at, accepted, bytes, again }: Told): void {
    this.answers[answer] += 1;
    this.duration.observe(duration);
    this.delivered += delivered;
    this.deliveredLastHour.add(delivered);
    for (const [source, more] of bytes) this.sentBytes.set(source, (this.sentBytes.get(source) ?? 0) + more);
    // An answer that rejects some does not say which; what is sent again or was asked for later is no lag.
    if (again || delivered < accepted.length) return;
    for (const item of accepted)
      if (item.lane === 'live') this.#lagOf(item.page.source).observe(at - item.at);
  }

  laidAside(count: number): void {
    this.deadLetters += count;
  }

  skip(count: number): void {
    this.skipped += count;
  }

  #lagOf(source: string): Histogram {
    const known = this.lag.get(source) ?? new Histogram(LAG_SECONDS);
    this.lag.set(source, known);
    return known;
  }
}
