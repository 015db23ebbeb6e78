import type { Clock, Random } from '../core/clock.ts';
import { JournalWriteError } from '../journal/sqlite/errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { Logger } from '../core/log.ts';
import type { Condition, DestinationReport } from '../core/state.ts';
import type { DeliveryState } from '../core/delivery-state.ts';
import { describe, logFields } from './describe.ts';
import { UNREAD_ANSWER } from './advice.ts';
import type { Acknowledge, Pause, Wait } from './classify-response.ts';
import { Backoff } from './backoff.ts';
import type { Idle } from './idle.ts';

interface ConductParts {
  readonly name: string;
  readonly journal: Pick<Journal, 'setPaused'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly idle: Idle;
  /** Why the process before had no answer, and since when. */
  readonly unreachable?: Condition | undefined;
  readonly persistFor?: number | undefined;
}

/** A paused destination is tried again so often, in milliseconds. */
const PROBE_EVERY = 60_000;

/** A wait of so many milliseconds is worth a line of its own. */
const LONG_WAIT = 60_000;

/** How a delivery bears what its destination does: it goes on, waits, or pauses; and says so, once. */
export class Conduct {
  readonly #parts: ConductParts;
  readonly #backoff: Backoff;
  #paused: string | undefined;
  #advice: string | undefined;
  #standing: DeliveryState;
  #signal: AbortSignal | undefined;
  #toldUnread = false;
  /** What the process before has seen, until this one knows better. */
  #unreachable: Condition | undefined;

  constructor(parts: ConductParts) {
    this.#parts = parts;
    this.#backoff = new Backoff(parts.random);
    this.#unreachable = parts.unreachable;
    this.#standing = { kind: 'idle', since: parts.clock.now(), reason: undefined, until: undefined };
  }

  get standing(): DeliveryState {
    return this.#standing;
  }

  /** What is not in the journal of how it stands. */
  get report(): DestinationReport {
    const { kind, since, reason = 'It does not accept events now.', until } = this.#standing;
    if (kind === 'paused') return { nextTry: until };
    const unreachable = kind === 'retrying' ? { since, reason, until } : this.#unreachable;
    return unreachable === undefined ? {} : { unreachable };
  }

  /** The signal ends every rest. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
  }

  /** Goes on as the process before left it: paused with a reason, or not. */
  resume(paused: string | undefined): void {
    this.#paused = paused;
  }

  /** Whether only one record is to be sent, to find out how things are. */
  get probing(): boolean {
    return this.#paused !== undefined;
  }

  /** There is nothing to send. */
  rest(): void {
    this.#unreachable = undefined;
    this.#stand('idle');
  }

  /** Something is about to be sent. */
  begin(): void {
    if (this.#standing.kind === 'idle') this.#stand('sending');
  }

  /** The destination answered, and refuses parts at most: no reason to wait. */
  answered(): void {
    this.#unreachable = undefined;
    this.#backoff.reset();
  }

  /** Records were taken. */
  async goOn(answer: Acknowledge): Promise<void> {
    const { journal, name, clock, log } = this.#parts;
    if (answer.unread !== undefined) this.#tellUnread(answer.unread, answer);
    if (this.#paused !== undefined) await this.persist(() => journal.setPaused(name, undefined, clock.now()));
    this.#paused = undefined;
    if (this.#standing.kind === 'paused' || this.#standing.kind === 'retrying') {
      log.info(logFields(answer), 'Destination recovered.');
    }
    this.#stand('sending');
  }

  /** Waits as long as the answer asks, else by the backoff. A long wait is logged each time, others once. */
  async wait(answer: Wait): Promise<void> {
    const ms = answer.retryAfterMs ?? this.#backoff.next();
    if (this.#standing.kind === 'sending' || this.#standing.kind === 'idle' || ms >= LONG_WAIT) {
      const next = new Date(this.#parts.clock.now() + ms).toISOString();
      const fields = {
        ...logFields(answer),
        penstock: { retry_after_ms: Math.round(ms), next_try_at: next },
      };
      this.#parts.log.warn(fields, 'Destination unavailable; events are queued.');
    }
    const until = this.#parts.clock.now() + Math.round(ms);
    if (this.#standing.kind === 'paused') this.#stand('paused', this.#standing.reason, until);
    else this.#stand('retrying', describe(answer), until);
    await this.#sleep(ms);
  }

  /** Marks the destination paused, loudly, and rests until it is to be tried again. */
  async pause(reason: string, whatToDo: Pause['whatToDo']): Promise<void> {
    const { log, journal, name, clock, idle } = this.#parts;
    // Once in this process, and again when there is something else to do: a pause that lasts is shown by `status`.
    if (this.#standing.kind !== 'paused' || this.#advice !== whatToDo) {
      const fields = { error: { message: reason }, penstock: { advice: whatToDo } };
      log.error(fields, 'Destination is paused; its records are kept, and it is tried again every minute.');
    }
    if (this.#paused !== reason) await this.persist(() => journal.setPaused(name, reason, clock.now()));
    this.#paused = reason;
    this.#advice = whatToDo;
    this.#stand('paused', reason, clock.now() + PROBE_EVERY);
    idle.at('paused');
    await this.#sleep(PROBE_EVERY);
    idle.busy();
  }

  /**
   * Writes to the journal until it is written (its disk may be full for a while), since what the destination has
   * taken must not be sent again. Rejects with `JournalWriteError` when the signal aborts meanwhile, or `persistFor` is over.
   */
  async persist<T>(work: () => Promise<T>): Promise<T> {
    const { clock, persistFor = Infinity } = this.#parts;
    const began = clock.now();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof JournalWriteError) || this.#signal?.aborted === true) throw error;
        if (clock.now() - began >= persistFor) throw error;
        this.#parts.log.error({ err: error }, 'The journal could not be written or read; it is tried again.');
        await this.#sleep(this.#backoff.next());
      }
    }
  }

  /** Once, since such a receiver answers so to every request. */
  #tellUnread(why: string, answer: Acknowledge): void {
    if (this.#toldUnread) return;
    this.#toldUnread = true;
    const fields = { ...logFields({ ...answer, words: why }), penstock: { advice: UNREAD_ANSWER } };
    this.#parts.log.warn(
      fields,
      'Destination accepts events, but its response cannot be read: events that it rejects go unnoticed.',
    );
  }

  async #sleep(ms: number): Promise<void> {
    try {
      await this.#parts.clock.sleep(ms, this.#signal);
    } catch (error) {
      if (this.#signal?.aborted !== true) throw error;
    }
  }

  #stand(kind: DeliveryState['kind'], reason?: string, until?: number): void {
    const before = this.#standing;
    const begins =
      kind === 'retrying' ? (this.#unreachable?.since ?? this.#parts.clock.now()) : this.#parts.clock.now();
    this.#standing = { kind, since: before.kind === kind ? before.since : begins, reason, until };
  }
}
