import type { Span } from '../../core/span.ts';

/** What one page of a keyset walk showed. */
export interface KeysetPage {
  /** The lower end of what was asked for, epoch ms. */
  readonly from: number;
  readonly received: number;
  /** The time of the last record; undefined when none has one. */
  readonly newest: number | undefined;
  /** How many records have that time. */
  readonly atNewest: number;
}

/** What to ask for next, and what can no longer be read: more records of one instant than a page holds. */
export interface KeysetStep {
  /** Undefined: the walk ended. */
  readonly from: number | undefined;
  readonly gap?: Span;
}

const END: KeysetStep = { from: undefined };

/** A page that may have been cut by the vendor although it is shorter than asked. */
interface Doubt {
  readonly received: number;
  readonly newest: number;
  readonly atNewest: number;
  /** The instant that was left, if nothing else could be asked for. */
  readonly left?: Span;
}

/**
 * Walks by time: a page that is full goes on at its last time, inclusive. A vendor may send less than was asked for, so a
 * shorter page counts as full until a page that was cut shows how many records it sends at most.
 */
export class Keyset {
  readonly #size: number;
  readonly #unit: number;
  #cap: number | undefined;
  #doubt: Doubt | undefined;

  /** `unit`: the step in which the request prints times, ms. `cap`: what an earlier walk learned. */
  constructor({
    size,
    unit,
    cap,
  }: {
    readonly size: number;
    readonly unit: number;
    readonly cap: number | undefined;
  }) {
    this.#size = size;
    this.#unit = unit;
    this.#cap = cap;
  }

  /** The most records that the vendor sends in a page; undefined until that is known. */
  get cap(): number | undefined {
    return this.#cap;
  }

  next(page: KeysetPage): KeysetStep {
    const late = this.#settleDoubt(page);
    const step = this.#step(page);
    // What was left before ends where this page began, so the two are one.
    return late === undefined ? step : { ...step, gap: { from: late.from, to: step.gap?.to ?? late.to } };
  }

  /** Whether the page before was cut, now that the records behind it are known. Returns what was left because of that. */
  #settleDoubt({ received, newest }: KeysetPage): Span | undefined {
    const doubt = this.#doubt;
    this.#doubt = undefined;
    if (doubt === undefined || received === 0) return undefined;
    const wasCut = doubt.left !== undefined || (newest ?? 0) > doubt.newest || received > doubt.atNewest;
    if (wasCut) this.#cap = Math.max(this.#cap ?? 0, doubt.received);
    return wasCut ? doubt.left : undefined;
  }

  #step({ from, received, newest, atNewest }: KeysetPage): KeysetStep {
    const cap = this.#cap;
    if (received === 0 || newest === undefined || (cap !== undefined && received < Math.min(cap, this.#size)))
      return END;
    const isFull = received >= Math.min(this.#size, cap ?? Infinity);
    const target = Math.floor(newest / this.#unit) * this.#unit;
    if (target > from) {
      if (!isFull) this.#doubt = { received, newest, atNewest };
      return { from: target };
    }
    const left = { from, to: from + this.#unit };
    if (isFull) return { from: left.to, gap: left };
    this.#doubt = { received, newest, atNewest, left };
    return { from: left.to };
  }
}
