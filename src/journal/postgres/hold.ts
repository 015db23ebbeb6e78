import { Mutex } from '../../core/mutex.ts';
import { LeaseLostError } from '../journal.ts';
import type { Hold, Subject } from '../leases.ts';

/** How long a lease lasts, and until when its holder relies on it. Milliseconds. */
export interface LeaseTimes {
  readonly lease: number;
  /** The monotonic clock of this process: no change of the time of day moves it. Its origin does not matter. */
  readonly monotonic: () => number;
}

/**
 * A hold ends this share of the lease before the lease may expire: a request in flight gets 2 s more at a stop, and the
 * clocks of two machines do not run at exactly the same rate.
 */
const MARGIN = 0.2;

const NOT_RENEWED = 'it was not renewed in time (the database did not answer, or this process was paused)';

interface HoldParts extends LeaseTimes {
  readonly subject: Subject;
  readonly epoch: number;
  /** As the database has it. */
  readonly revision: number;
  /** By the monotonic clock: when the statement was sent that took it. */
  readonly sent: number;
  /** Called when it was lost. */
  readonly onLost: (error: LeaseLostError) => void;
}

/** What this process knows of a lease that it took. It ends once and is never valid again. */
export class LeaseHold implements Hold {
  readonly subject: Subject;
  readonly epoch: number;
  /** Held during a transaction of this hold: the next one must know the revision that it leaves. */
  readonly writes = new Mutex();
  readonly #parts: HoldParts;
  readonly #ended = new AbortController();
  #revision: number;
  #validUntil = -Infinity;

  constructor(parts: HoldParts) {
    this.subject = parts.subject;
    this.epoch = parts.epoch;
    this.#parts = parts;
    this.#revision = parts.revision;
    this.extend(parts.sent);
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** As of the last transaction that is known to be committed. */
  get revision(): number {
    return this.#revision;
  }

  /** How long it stays valid without a renewal. Milliseconds; 0 when it has ended. */
  get left(): number {
    return this.signal.aborted ? 0 : Math.max(0, this.#validUntil - this.#parts.monotonic());
  }

  requireValid(): void {
    this.endIfDue();
    this.signal.throwIfAborted();
  }

  /** Ends it when it was not renewed in time. */
  endIfDue(): void {
    if (this.left === 0) this.end(NOT_RENEWED);
  }

  /** The lease was extended by a statement that was sent at this time, by the monotonic clock. */
  extend(sent: number): void {
    this.#validUntil = Math.max(this.#validUntil, sent + this.#parts.lease * (1 - MARGIN));
  }

  /** A transaction was committed whose first statement was sent at this time. */
  committed(sent: number, revision: number): void {
    this.#revision = revision;
    this.extend(sent);
  }

  /** The hold is lost. Returns why it ended: the first reason that was given. */
  end(why: string, cause?: unknown): LeaseLostError {
    if (this.signal.aborted) return this.signal.reason as LeaseLostError;
    const error = new LeaseLostError(this.subject, why, cause === undefined ? undefined : { cause });
    this.#ended.abort(error);
    this.#parts.onLost(error);
    return error;
  }

  /** The work on it has ended, and it is given back. */
  giveBack(): void {
    if (!this.signal.aborted) this.#ended.abort(new LeaseLostError(this.subject, 'it was given back'));
  }
}
