import type { Clock } from '../clock.ts';
import type { PollResult } from '../collect/poll-stream.ts';
import type { SweepResult } from '../collect/sweep.ts';
import type { Tally } from '../collect/tally.ts';
import { explain, PenstockError, UnauthorisedError } from '../errors.ts';
import type { RequestTold } from '../http/settings.ts';
import { Histogram, REQUEST_SECONDS } from './histogram.ts';
import type { Reason, Trouble } from './reason.ts';

/** What this process has seen of one source: counts for metrics, and what troubles it. Told by the collecting loop. */
export class SourceWatch {
  readonly events = { new: 0, updated: 0, repeated: 0, malformed: 0 };
  readonly polls: Record<PollResult['outcome'], number> = { complete: 0, owed: 0, cut: 0, failed: 0 };
  /** Requests by status: `200`, `timed-out`, `failed`. */
  readonly requests = new Map<string, number>();
  readonly requestDuration = new Histogram(REQUEST_SECONDS);
  retries = 0;
  /** Characters of answers that stand for bytes that are none in their charset. */
  replacedCharacters = 0;
  /** How long the last complete sweep took, milliseconds. */
  lastSweep = 0;
  /** When this process began to watch it, epoch ms. */
  readonly since: number;
  readonly #clock: Clock;
  readonly #troubles = new Map<Reason, Trouble>();
  #throttledUntil = 0;
  /** When streams that never were complete were first seen. */
  readonly #firstSeen = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.since = clock.now();
  }

  /** A page is durable. */
  page(added: Tally): void {
    for (const outcome of ['new', 'updated', 'repeated', 'malformed'] as const)
      this.events[outcome] += added[outcome];
    if (added.schemaChanged) {
      this.#note('schema-changed', `${added.malformed} of the ${added.rows} rows of a page did not fit.`);
    } else if (added.new + added.updated > 0) {
      // A page of rows that were told before says nothing of what new ones look like.
      this.#troubles.delete('schema-changed');
    }
  }

  poll({ outcome }: PollResult): void {
    this.polls[outcome] += 1;
  }

  /** A sweep ended. One that was cut says nothing. */
  sweep({ outcome, errors }: SweepResult, duration: number): void {
    if (outcome === 'cut') return;
    if (outcome === 'complete') this.lastSweep = duration;
    const refused = errors.find((error) => error instanceof UnauthorisedError);
    const wrong = errors.find(
      (error) => error instanceof PenstockError && error.blame === 'operator' && error !== refused,
    );
    this.#noteOrClear('unauthorised', refused);
    this.#noteOrClear('misconfigured', wrong);
  }

  request({ status, retry, duration, throttledUntil, replaced = 0 }: RequestTold): void {
    this.requestDuration.observe(duration);
    this.requests.set(String(status), (this.requests.get(String(status)) ?? 0) + 1);
    if (retry) this.retries += 1;
    this.replacedCharacters += replaced;
    if (throttledUntil === undefined) return;
    if (this.#throttledUntil <= this.#clock.now()) this.#troubles.delete('throttled');
    this.#throttledUntil = Math.max(this.#throttledUntil, throttledUntil);
    const until = new Date(this.#throttledUntil).toISOString();
    this.#note('throttled', `The vendor asked us to wait until ${until}.`);
  }

  get troubles(): readonly Trouble[] {
    if (this.#throttledUntil <= this.#clock.now()) this.#troubles.delete('throttled');
    return [...this.#troubles.values()];
  }

  /** Since when we know of a stream, as far as this process can tell. Epoch ms. */
  firstSeen(stream: string): number {
    const seen = this.#firstSeen.get(stream) ?? this.#clock.now();
    this.#firstSeen.set(stream, seen);
    return seen;
  }

  #noteOrClear(reason: Reason, error: unknown): void {
    if (error === undefined) this.#troubles.delete(reason);
    else this.#note(reason, explain(error));
  }

  #note(reason: Reason, detail: string): void {
    const since = this.#troubles.get(reason)?.since ?? this.#clock.now();
    this.#troubles.set(reason, { reason, since, detail });
  }
}
