import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { OutOfBudgetError, ThrottledError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Quotas, RateLimit } from '../core/quota.ts';
import type { RawAnswer } from './exchange.ts';
import { LONGEST_PAUSE, exhaustedFor, throttledFor, isThrottled } from './retry.ts';

/** What a request is spent from. */
export interface Budget {
  /** Names origin, credential (its hash) and route, whatever the source: see `budgetName`. */
  readonly name: string;
  readonly route: string;
  /** Undefined: unlimited, yet a 429 pauses it. */
  readonly quota: RateLimit | undefined;
}

interface Lent {
  readonly quotas: Quotas;
  readonly clock: Clock;
  /** How much longer than it must a process waits that asks all the time, so that others have a turn. Milliseconds. */
  readonly courtesy?: number;
}

/** For loops: enough for a command, which waits for the same moment, to be first. Milliseconds. */
export const COURTESY = 100;

interface Waiter {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Told until when a request has to wait (epoch ms), where that is worth telling; undefined: it is granted. */
  readonly onWait?: ((until: number | undefined) => void) | undefined;
}

/**
 * Added to a quota's window: a request is spent before it is sent, and on its way it may be held up, so two that left
 * a window apart may arrive a little less. Milliseconds.
 */
const ARRIVAL_MARGIN = 500;

/** Shorter waits are the normal rhythm of a budget, and would fill the log. Milliseconds. */
const WORTH_TELLING = 1_000;

/** The name of a budget. The credential goes into it as a hash, so that the state never holds it. */
export function budgetName(
  origin: string,
  credential: Readonly<Record<string, string>>,
  route: string,
): string {
  const told = Object.entries(credential).map(([name, value]) => `${name.toLowerCase()}:${value}`);
  const hash = createHash('sha256').update(told.toSorted().join('\n')).digest('hex');
  return `${origin}|${hash.slice(0, 12)}|${route}`;
}

/**
 * The budgets of one process; make it once, because sources that share a budget queue here for it, first come first
 * served. What was spent is in the journal, so it holds across restarts.
 */
export class Budgets {
  readonly #quotas: Quotas;
  readonly #clock: Clock;
  readonly #courtesy: number;
  /** By budget name: settles when everyone who waits now has been served. */
  readonly #queues = new Map<string, Promise<void>>();
  /** By budget name: who queues, and until when (epoch ms). All of them wait as long as the first. */
  readonly #waiting = new Map<string, { readonly waiters: Set<Waiter>; until: number }>();

  constructor({ quotas, clock, courtesy = 0 }: Lent) {
    this.#quotas = quotas;
    this.#clock = clock;
    this.#courtesy = courtesy;
  }

  /**
   * Waits for the turn and for the budget, then spends one request, durably.
   * @throws OutOfBudgetError when aborted while the budget has nothing to give; the signal's reason when it has.
   */
  async acquire(budget: Budget, waiter: Waiter): Promise<void> {
    const { signal } = waiter;
    const turn = this.#queues.get(budget.name) ?? Promise.resolve();
    const { promise: served, resolve: leave } = Promise.withResolvers<void>();
    this.#queues.set(
      budget.name,
      turn.then(() => served),
    );
    const waiting = this.#waiting.get(budget.name) ?? { waiters: new Set(), until: 0 };
    this.#waiting.set(budget.name, waiting);
    waiting.waiters.add(waiter);
    if (waiting.until - this.#clock.now() > WORTH_TELLING) waiter.onWait?.(waiting.until);
    try {
      await orAborted(turn, signal);
      await this.#spend(budget, waiter);
      waiter.onWait?.(undefined);
    } catch (error) {
      if (!signal.aborted || error !== signal.reason || (await this.available(budget)) > 0) throw error;
      throw new OutOfBudgetError(`The budget of ${budget.route} has nothing left until later.`, {
        cause: error,
      });
    } finally {
      waiting.waiters.delete(waiter);
      leave();
    }
  }

  /** How many requests could be sent now without waiting; Infinity without a quota. */
  async available({ name, quota }: Budget): Promise<number> {
    const now = this.#clock.now();
    if (quota !== undefined) return this.#quotas.available(name, withMargin(quota), now);
    return (await this.#quotas.pausedUntil(name)) > now ? 0 : Infinity;
  }

  /** No request of this budget is sent before `until` (epoch milliseconds), across restarts. Never shortens a pause. */
  async pause({ name }: Budget, until: number): Promise<void> {
    if ((await this.#quotas.pausedUntil(name)) >= until) return;
    await this.#quotas.pause(name, until);
  }

  async #spend(budget: Budget, { signal, log }: Waiter): Promise<void> {
    const longest = Math.max(budget.quota?.per ?? 0, LONGEST_PAUSE);
    let told = false;
    let lifted = false;
    for (;;) {
      const wait = await this.#ask(budget);
      if (wait === 0) return;
      if (wait > longest && !lifted) {
        // Our clock went back since the time was noted: waiting for it could take years.
        log.warn({ event: { reason: budget.route } }, 'Budget is paused for impossibly long: going on now.');
        await this.#quotas.pause(budget.name, 0);
        lifted = true;
        continue;
      }
      if (wait > WORTH_TELLING) {
        const until = this.#clock.now() + wait;
        this.#tell(budget.name, until);
        const end = new Date(until).toISOString();
        if (!told) log.info({ event: { reason: budget.route, end } }, 'Request waits for its budget.');
        told = true;
      }
      await this.#clock.sleep(Math.min(wait, longest) + this.#courtesy, signal);
    }
  }

  /** Those who queue, and who will, wait until then (epoch ms). */
  #tell(name: string, until: number): void {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return;
    waiting.until = until;
    for (const { onWait } of waiting.waiters) onWait?.(until);
  }

  /** Milliseconds to wait before asking again; 0 when one request is granted, and durably spent. */
  async #ask({ name, quota }: Budget): Promise<number> {
    const now = this.#clock.now();
    if (quota === undefined) return Math.max(0, (await this.#quotas.pausedUntil(name)) - now);
    const at = await this.#quotas.spend(name, withMargin(quota), now);
    return at === 0 ? 0 : Math.max(1, at - now);
  }
}

async function orAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([turn, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function withMargin({ requests, per }: RateLimit): RateLimit {
  return { requests, per: per + ARRIVAL_MARGIN };
}

interface Pacing {
  readonly budgets: Budgets;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly log: Logger;
  /** The vendor's clock, epoch milliseconds. */
  readonly vendorNow: number;
  /** How often this request was tried, from 1. */
  readonly attempt: number;
}

/** Pauses after a 429 that does not say how long. Milliseconds. */
const FIRST_PAUSE = 5_000;
const LONGEST_BLIND_PAUSE = 60_000;

/**
 * Pauses the budget, durably, as the answer asks. Returns the error of an answer that was refused for asking too
 * often; undefined for any other, also when its headers say that it was the last one for now.
 */
export async function pace(raw: RawAnswer, pacing: Pacing): Promise<ThrottledError | undefined> {
  const { budgets, budget, clock, log, vendorNow } = pacing;
  if (!isThrottled(raw)) {
    const wait = exhaustedFor(raw.headers, vendorNow);
    if (wait !== undefined) await budgets.pause(budget, clock.now() + wait);
    return undefined;
  }
  const blind = Math.min(LONGEST_BLIND_PAUSE, FIRST_PAUSE * 2 ** (pacing.attempt - 1));
  const until = clock.now() + (throttledFor(raw.headers, vendorNow) ?? blind);
  await budgets.pause(budget, until);
  const end = new Date(until).toISOString();
  log.warn(
    { http: { response: { status_code: raw.status } }, url: { full: raw.url }, event: { end } },
    'The vendor asked us to wait.',
  );
  const message = `${raw.url} asked us to wait until ${end}. Lower \`quota\` if other programs share this credential.`;
  return new ThrottledError(message, raw.url, until);
}
