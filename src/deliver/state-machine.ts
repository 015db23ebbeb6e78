import type { Availability } from '../core/availability.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { DeliveryState } from '../core/observers.ts';
import type { Logger } from '../core/log.ts';
import type { Condition, DestinationReport } from '../core/state.ts';
import type { DestinationStore, Position } from '../journal/delivery.ts';
import { JournalWriteError, LeaseLostError } from '../journal/journal.ts';
import {
  type Accepted,
  type ClassifiedResponse,
  describeResponse,
  REJECTS_EVERYTHING_ADVICE,
  responseFields,
  type Retry,
  UNREAD_ADVICE,
} from './classify-response.ts';

/** Why a delivery sends nothing now. */
export type Rest = 'caught-up' | 'paused' | 'stopped';

interface StateParts {
  readonly name: string;
  readonly journal: { readonly destinations: Pick<DestinationStore, 'all' | 'setPaused'> };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly persistFor?: number | undefined;
  readonly unreachable?: Condition | undefined;
  readonly state?: Availability | undefined;
}

/** A paused destination is tried again after this time. Milliseconds. */
const RETRY_PAUSED_EVERY = 60_000;

/** A wait of at least this length is logged each time, a shorter one only when it begins. Milliseconds. */
const LONG_WAIT = 60_000;

/** The first delay between retries is at most this; each one may be twice as long as the one before. Milliseconds. */
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;

/**
 * The state of one delivery, in one value: what it is doing, since when, why, until when, and its position. It changes
 * here only, and what outlives the process (the position, a pause) is in the journal before it changes.
 */
export class DeliveryStateMachine {
  readonly #parts: StateParts;
  #state: DeliveryState & { readonly position: Position };
  /** The reason of the pause that the journal holds; undefined: none. */
  #recordedPause: string | undefined;
  /** The process before got no response, and this one does not know better yet. */
  #unreachableBefore: Condition | undefined;
  #delay = FIRST_DELAY;
  /** The advice that was logged last. */
  #advice: string | undefined;
  #unreadLogged = false;
  #ending: AbortSignal = new AbortController().signal;
  #rest: Rest | undefined;
  readonly #onRest: ((rest: Rest) => void)[] = [];
  #wake = new AbortController();

  constructor(parts: StateParts) {
    this.#parts = parts;
    this.#unreachableBefore = parts.unreachable;
    const position = { sequence: 0, offset: 0 };
    this.#state = { kind: 'idle', since: parts.clock.now(), reason: undefined, until: undefined, position };
  }

  get current(): DeliveryState {
    return this.#state;
  }

  get position(): Position {
    return this.#state.position;
  }

  /** What the journal does not hold of the state. */
  get report(): DestinationReport {
    const { kind, since, reason = 'It does not accept events now.', until } = this.#state;
    if (kind === 'paused') return { nextTry: until };
    const unreachable = kind === 'retrying' ? { since, reason, until } : this.#unreachableBefore;
    return unreachable === undefined ? {} : { unreachable };
  }

  /** Whether the delivery is to end. */
  get isEnding(): boolean {
    return this.#ending.aborted;
  }

  /** Whether the destination is paused until it accepts something, also while it is tried. */
  get isPaused(): boolean {
    return this.#recordedPause !== undefined;
  }

  /** Opens the stored position and pause. Returns the words of the last response; undefined: there was none. */
  async open(ending: AbortSignal): Promise<string | undefined> {
    this.#ending = ending;
    const { journal, name } = this.#parts;
    const all = await this.persist(() => journal.destinations.all());
    const own = all.find((destination) => destination.name === name);
    if (own !== undefined) this.moveTo(own.position);
    this.#recordedPause = own?.paused;
    return own?.lastResponse;
  }

  /** The position that was committed. */
  moveTo(position: Position): void {
    this.#state = { ...this.#state, position };
  }

  /** A request is about to be sent. */
  beginRequest(): void {
    this.#rest = undefined;
    if (this.#state.kind === 'idle') this.#become('sending');
  }

  /** The destination responded, so the next delay is the first again. */
  resetBackoff(): void {
    this.#unreachableBefore = undefined;
    this.#delay = FIRST_DELAY;
  }

  /** Records were accepted. */
  async recover(response: Accepted): Promise<void> {
    const { journal, name, clock, log } = this.#parts;
    if (response.unread !== undefined) this.#logUnread(response.unread, response);
    if (this.isPaused) await this.persist(() => journal.destinations.setPaused(name, undefined, clock.now()));
    this.#recordedPause = undefined;
    if (this.#state.kind === 'paused' || this.#state.kind === 'retrying') {
      log.info(responseFields(response), 'Destination recovered.');
    }
    this.#become('sending');
  }

  /** Waits until a destination that did not accept the request is to be tried again. */
  wait(response: Exclude<ClassifiedResponse, Accepted>): Promise<void> {
    if (response.kind === 'retry') return this.#retry(response);
    const words = describeResponse(response);
    if (response.kind === 'paused') return this.pause(words, response.advice);
    return this.pause(`Everything is rejected. ${words}`, REJECTS_EVERYTHING_ADVICE);
  }

  /** Waits as long as the response asks, else by the backoff. */
  async #retry(response: Retry): Promise<void> {
    const { kind, reason } = this.#state;
    const { clock, log } = this.#parts;
    const ms = Math.round(response.retryAfterMs ?? this.#nextDelay());
    const until = clock.now() + ms;
    if (kind === 'sending' || kind === 'idle' || ms >= LONG_WAIT) {
      const penstock = { retry_after_ms: ms, next_try_at: new Date(until).toISOString() };
      log.warn({ ...responseFields(response), penstock }, 'Destination unavailable; events are queued.');
    }
    if (kind === 'paused') this.#become('paused', reason, until);
    else this.#become('retrying', describeResponse(response), until);
    await this.#sleep(ms);
  }

  /** Records the pause, and waits until the destination is to be tried again. */
  async pause(reason: string, advice: string): Promise<void> {
    const { journal, name, clock, log } = this.#parts;
    // Once in this process, and again when there is something else to do: `status` shows a pause that lasts.
    if (this.#state.kind !== 'paused' || this.#advice !== advice) {
      log.error(
        { error: { message: reason }, penstock: { advice } },
        'Destination is paused; its records are kept, and it is tried again every minute.',
      );
    }
    this.#advice = advice;
    if (this.#recordedPause !== reason) {
      await this.persist(() => journal.destinations.setPaused(name, reason, clock.now()));
    }
    this.#recordedPause = reason;
    this.#become('paused', reason, clock.now() + RETRY_PAUSED_EVERY);
    this.#restAs('paused');
    await this.#sleep(RETRY_PAUSED_EVERY);
    this.#rest = undefined;
  }

  /** There is nothing to send. Without effect when it was woken since the journal was read: there may be a newer commit. */
  rest(): void {
    if (this.#wake.signal.aborted) return;
    this.#unreachableBefore = undefined;
    this.#become('idle');
    this.#restAs('caught-up');
  }

  /** The delivery has ended. */
  stop(): void {
    this.#restAs('stopped');
  }

  /** Resolves at the next rest; at once while paused or stopped, which no new event changes. */
  nextRest(): Promise<Rest> {
    if (this.#rest === 'paused' || this.#rest === 'stopped') return Promise.resolve(this.#rest);
    const { promise, resolve } = Promise.withResolvers<Rest>();
    this.#onRest.push(resolve);
    this.wake();
    return promise;
  }

  /** Makes the loop look for work again. */
  wake(): void {
    this.#wake.abort();
  }

  /** Called before the journal is read. The signal aborts when the loop is woken after that. */
  wakeSignal(): AbortSignal {
    this.#wake = new AbortController();
    return this.#wake.signal;
  }

  /**
   * Repeats work on the journal until it succeeds (its disk may be full for a while), since what the destination has
   * accepted must not be sent again. Rejects with `JournalWriteError` at the end, or when `persistFor` is over, and with
   * `LeaseLostError` at once.
   */
  async persist<T>(work: () => Promise<T>): Promise<T> {
    const { clock, log, persistFor = Infinity, state } = this.#parts;
    const began = clock.now();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof JournalWriteError) || this.isEnding) throw error;
        if (error instanceof LeaseLostError) throw error;
        if (clock.now() - began >= persistFor) throw error;
        log[state?.level ?? 'error'](
          { err: error },
          'The journal could not be written or read; it is tried again.',
        );
        await this.#sleep(this.#nextDelay());
      }
    }
  }

  /** Once, since such a receiver answers every request like this. */
  #logUnread(why: string, response: Accepted): void {
    if (this.#unreadLogged) return;
    this.#unreadLogged = true;
    this.#parts.log.warn(
      { ...responseFields({ ...response, words: why }), penstock: { advice: UNREAD_ADVICE } },
      'Destination accepts events, but its response cannot be read: events that it rejects go unnoticed.',
    );
  }

  /** With jitter, so that many processes do not come back at once: between half of the delay and all of it. */
  #nextDelay(): number {
    const delay = this.#delay * (0.5 + this.#parts.random() / 2);
    this.#delay = Math.min(LONGEST_DELAY, this.#delay * 2);
    return delay;
  }

  /** Ends early when the delivery is to end. */
  async #sleep(ms: number): Promise<void> {
    try {
      await this.#parts.clock.sleep(ms, this.#ending);
    } catch (error) {
      if (!this.isEnding) throw error;
    }
  }

  #restAs(rest: Rest): void {
    this.#rest = rest;
    for (const resolve of this.#onRest.splice(0)) resolve(rest);
  }

  #become(kind: DeliveryState['kind'], reason?: string, until?: number): void {
    const { kind: before, since, position } = this.#state;
    const now = this.#parts.clock.now();
    const begins = kind === 'retrying' ? (this.#unreachableBefore?.since ?? now) : now;
    this.#state = { kind, since: before === kind ? since : begins, reason, until, position };
  }
}
