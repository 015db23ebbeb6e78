import type { Clock } from '../core/clock.ts';
import { explain, isRefusal, JournalFullError, PenstockError } from '../core/errors.ts';
import type {
  DeliveryObserver,
  ResponseKind,
  ResponseReport,
  PollOutcome,
  PollResult,
  PollStats,
  SourcePollResult,
} from '../core/observers.ts';
import type { RequestReport } from '../http/settings.ts';
import type {
  Condition,
  Reason,
  Refusal,
  SourceConditions,
  SourceReport,
  Throttling,
  Trouble,
} from '../core/state.ts';
import { Histogram, LAG_SECONDS, LastHour, REQUEST_SECONDS } from './counts.ts';
import { isThrottled } from './states.ts';

/** How many ended polls are kept for the status page. */
const POLLS = 10;

/** A poll of all streams that has ended. */
export interface EndedPoll {
  /** When it ended, epoch ms. */
  readonly at: number;
  readonly outcome: PollOutcome;
  /** Events journaled. */
  readonly events: number;
}

/** What this process has observed of one source: counts for metrics and what needs attention. The collect loop reports to it. */
export class SourceWatch {
  readonly events = { new: 0, updated: 0, repeated: 0, malformed: 0, dropped: 0 };
  /** How often an expression of `shape.drop` failed. */
  ruleFailures = 0;
  /** Values that events lack. */
  valuesLeftOut = 0;
  readonly polls: Record<PollOutcome, number> = { complete: 0, owed: 0, cut: 0, failed: 0 };
  /** Requests by status: `200`, `timed-out`, `failed`. */
  readonly requests = new Map<string, number>();
  readonly requestDuration = new Histogram(REQUEST_SECONDS);
  retries = 0;
  readonly eventsLastHour: LastHour;
  readonly requestsLastHour: LastHour;
  /** Recorded gaps. */
  gaps = 0;
  /** Characters that replaced bytes that are invalid in the charset of their response. */
  replacedCharacters = 0;
  /** How long the last complete poll took, milliseconds. */
  pollDuration = 0;
  /** When this process began to watch it, epoch ms. */
  readonly since: number;
  readonly #clock: Clock;
  #lastPolls: readonly EndedPoll[] = [];
  readonly #troubles = new Map<Reason, Trouble>();
  #conditions: Omit<SourceConditions, 'refused'> = {};
  #restored = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.since = clock.now();
    this.eventsLastHour = new LastHour(clock);
    this.requestsLastHour = new LastHour(clock);
  }

  /** A page is durable. */
  page(added: PollStats): void {
    this.eventsLastHour.add(added.emitted);
    for (const outcome of ['new', 'updated', 'repeated', 'malformed', 'dropped'] as const)
      this.events[outcome] += added[outcome];
    this.gaps += added.gaps;
    this.ruleFailures += added.ruleFailures;
    this.valuesLeftOut += added.valuesLeftOut;
    if (added.schemaChanged) {
      this.#note('schema-changed', `${added.malformed} of the ${added.rows} rows of a page did not fit.`);
    } else if (added.new + added.updated > 0) {
      // A page of repeated rows says nothing about the form of new ones.
      this.#troubles.delete('schema-changed');
    }
  }

  poll({ outcome }: PollResult): void {
    this.polls[outcome] += 1;
  }

  /** Takes over what was reported before; only the first call counts until `left`, so that a reload changes nothing. */
  restore({ conditions, pollDuration = 0 }: SourceReport): void {
    if (this.#restored) return;
    this.#restored = true;
    const { throttled, failing } = conditions;
    this.#conditions = { throttled, failing };
    this.pollDuration = pollDuration;
  }

  /** Another process polls it from now on. */
  left(): void {
    this.#troubles.clear();
    this.#conditions = {};
    this.pollDuration = 0;
    this.#restored = false;
  }

  /** A poll of all streams ended. One that was cut changes no condition. */
  sourcePoll({ outcome, errors, stats }: SourcePollResult, duration: number): void {
    const ended = { at: this.#clock.now(), outcome, events: stats.emitted };
    this.#lastPolls = [ended, ...this.#lastPolls].slice(0, POLLS);
    if (outcome === 'cut') return;
    if (outcome === 'complete') this.pollDuration = duration;
    const others = errors.filter((error) => !isRefusal(error) && !(error instanceof JournalFullError));
    this.#noteOrClear(
      'misconfigured',
      others.find((error) => error instanceof PenstockError && error.blame === 'operator'),
    );
    this.#conditions = { ...this.#conditions, failing: this.#failing(others) };
  }

  request({ status, retry, throttledUntil, replaced = 0 }: RequestReport): void {
    this.requests.set(String(status), (this.requests.get(String(status)) ?? 0) + 1);
    this.requestsLastHour.add(1);
    if (retry) this.retries += 1;
    this.replacedCharacters += replaced;
    if (throttledUntil !== undefined)
      this.#throttle('vendor', throttledUntil, 'The vendor asked us to wait until');
  }

  /** A request has to wait for its quota until then (epoch ms); undefined: it may be sent. */
  waits(until: number | undefined, route: string): void {
    const { throttled } = this.#conditions;
    if (until !== undefined) {
      this.#throttle('budget', until, `The budget of requests (${route}) is spent; the next one is sent at`);
    } else if (throttled?.by === 'budget') {
      this.#conditions = { ...this.#conditions, throttled: undefined };
    }
  }

  /** The last polls that ended, newest first. */
  get lastPolls(): readonly EndedPoll[] {
    return this.#lastPolls;
  }

  /** The conditions that hold now, as far as the collect loop reports them. */
  get conditions(): Omit<SourceConditions, 'refused'> {
    const { throttled, ...rest } = this.#conditions;
    const holds = throttled !== undefined && isThrottled(throttled, this.#clock.now());
    return holds ? { ...rest, throttled } : rest;
  }

  /** What needs attention. `interval`: of the schedule, milliseconds. `refusals`: from the source's circuit. */
  troublesWithin(interval: number, refusals: readonly Refusal[]): readonly Trouble[] {
    const { throttled } = this.conditions;
    const refused = refusals.map(({ misconfigured, since, reason }): Trouble => {
      return { reason: misconfigured ? 'misconfigured' : 'unauthorised', since, detail: reason };
    });
    const others = [...this.#troubles.values()].filter(
      ({ reason }) => !refused.some((one) => one.reason === reason),
    );
    // Some sources always wait for their quota; only a wait that delays the next poll needs attention.
    const isTrouble = throttled?.by === 'vendor' || throttledFor(throttled) > interval;
    if (throttled === undefined || !isTrouble) return [...refused, ...others];
    const { since, reason: detail } = throttled;
    return [...refused, ...others, { reason: 'throttled', since, detail }];
  }

  /** A wait that follows another keeps its `since`; a shorter one changes nothing. */
  #throttle(by: Throttling['by'], until: number, words: string): void {
    const { throttled } = this.conditions;
    if (throttled?.until !== undefined && throttled.until >= until) return;
    const since = throttled?.since ?? this.#clock.now();
    const reason = `${words} ${new Date(until).toISOString()}.`;
    this.#conditions = { ...this.#conditions, throttled: { since, reason, until, by } };
  }

  #failing(errors: readonly unknown[]): Condition | undefined {
    if (errors.length === 0) return undefined;
    const more = errors.length === 1 ? '' : ` (and ${errors.length - 1} more)`;
    const since = this.#conditions.failing?.since ?? this.#clock.now();
    return { since, reason: `${explain(errors[0])}${more}` };
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

function throttledFor(throttled: Throttling | undefined): number {
  return throttled?.until === undefined ? 0 : throttled.until - throttled.since;
}

/** The values of the label `answer`: names of metrics and their labels do not change. */
const LABELS = {
  accepted: 'acknowledge',
  retry: 'wait',
  paused: 'pause',
  rejected: 'bisect',
} as const satisfies Record<ResponseKind, string>;

/** What this process has observed of one destination: counts for metrics, reported by its delivery. */
export class DestinationWatch implements DeliveryObserver {
  readonly answers = { acknowledge: 0, wait: 0, pause: 0, bisect: 0 };
  readonly duration = new Histogram(REQUEST_SECONDS);
  /** By source: the time from a live event to its acknowledgement. */
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
