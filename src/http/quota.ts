import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { OutOfBudgetError, ThrottledError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Quotas, RateLimit, ThrottleTest } from '../core/http.ts';
import type { RawResponse } from './exchange.ts';
import { exhaustedFor, isThrottled, LONGEST_PAUSE, throttledFor } from './retry.ts';

/** The quota that a request is spent from. */
export interface RouteQuota {
  /** Identifies origin, credential (its hash) and route, whatever source asks: see `quotaName`. */
  readonly name: string;
  readonly route: string;
  /** Undefined: unlimited, yet a 429 pauses it. */
  readonly limit: RateLimit | undefined;
  /** Further limits that the same requests must keep: each is spent as well. */
  readonly also?: readonly RouteQuota[];
}

interface SpenderParts {
  readonly quotas: Quotas;
  readonly clock: Clock;
  /** Added to every wait, so that other processes get a turn: see `COURTESY`. Milliseconds. */
  readonly courtesy?: number;
}

/** Added to the waits of a daemon: a command that waits for the same moment goes first. Milliseconds. */
export const COURTESY = 100;

interface Waiter {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Called with the time at which a request may be sent (epoch ms) when it has to wait; with undefined once it may. */
  readonly onWait?: ((until: number | undefined) => void) | undefined;
}

/**
 * Safety margin added to each quota window. A request is spent before it is sent and may be delayed on the way, so two
 * requests that left one window apart may arrive closer together. Milliseconds.
 */
const ARRIVAL_MARGIN = 500;

/** Shorter waits are normal and would fill the log. Milliseconds. */
const SHORTEST_REPORTED_WAIT = 1_000;

/** The name of a quota. It holds a hash of the credential, so that the state never holds the credential itself. */
export function quotaName(
  origin: string,
  credential: Readonly<Record<string, string>>,
  route: string,
): string {
  const headers = Object.entries(credential).map(([name, value]) => `${name.toLowerCase()}:${value}`);
  const hash = createHash('sha256').update(headers.toSorted().join('\n')).digest('hex');
  return `${origin}|${hash.slice(0, 12)}|${route}`;
}

/**
 * Spends the quotas of one process. There must be one per process: requests of all sources that share a quota queue here,
 * first come, first served. What was spent is stored, so limits hold across restarts.
 */
export class QuotaSpender {
  readonly #quotas: Quotas;
  readonly #clock: Clock;
  readonly #courtesy: number;
  /** By quota name: settles when everyone who waits now has been served. */
  readonly #queues = new Map<string, Promise<void>>();
  /** By quota name: who waits, and until when (epoch ms). All wait at least as long as the first. */
  readonly #waiting = new Map<string, { readonly waiters: Set<Waiter>; until: number }>();

  constructor({ quotas, clock, courtesy = 0 }: SpenderParts) {
    this.#quotas = quotas;
    this.#clock = clock;
    this.#courtesy = courtesy;
  }

  /**
   * Waits for its turn and for the quota, then spends one request, durably.
   * @throws OutOfBudgetError when aborted while the quota is exhausted; the signal's reason when it is not.
   */
  async acquire(quota: RouteQuota, waiter: Waiter): Promise<void> {
    for (const further of quota.also ?? []) await this.acquire(further, waiter);
    const { signal } = waiter;
    const turn = this.#queues.get(quota.name) ?? Promise.resolve();
    const { promise: served, resolve: leave } = Promise.withResolvers<void>();
    this.#queues.set(
      quota.name,
      turn.then(() => served),
    );
    const waiting = this.#waiting.get(quota.name) ?? { waiters: new Set(), until: 0 };
    this.#waiting.set(quota.name, waiting);
    waiting.waiters.add(waiter);
    if (waiting.until - this.#clock.now() > SHORTEST_REPORTED_WAIT) waiter.onWait?.(waiting.until);
    try {
      await orAborted(turn, signal);
      await this.#spend(quota, waiter);
      waiter.onWait?.(undefined);
    } catch (error) {
      if (!signal.aborted || error !== signal.reason || (await this.available(quota)) > 0) throw error;
      throw new OutOfBudgetError(`The quota of ${quota.route} is exhausted for now.`, { cause: error });
    } finally {
      waiting.waiters.delete(waiter);
      leave();
    }
  }

  /** How many requests could be sent now without waiting; Infinity without a limit. */
  async available({ name, limit, also = [] }: RouteQuota): Promise<number> {
    if (also.length > 0) {
      const all = [{ name, route: name, limit }, ...also].map((one) => this.available(one));
      return Math.min(...(await Promise.all(all)));
    }
    const now = this.#clock.now();
    if (limit !== undefined) return this.#quotas.available(name, withMargin(limit), now);
    return (await this.#quotas.pausedUntil(name)) > now ? 0 : Infinity;
  }

  /** Sends no request of this quota before `until` (epoch ms), across restarts. Never shortens a pause. */
  async pause({ name }: RouteQuota, until: number): Promise<void> {
    await this.#quotas.pause(name, until);
  }

  async #spend(quota: RouteQuota, { signal, log }: Waiter): Promise<void> {
    const longest = Math.max(quota.limit?.per ?? 0, LONGEST_PAUSE);
    let logged = false;
    let resumed = false;
    for (;;) {
      const wait = await this.#trySpend(quota);
      if (wait === 0) return;
      if (wait > longest && !resumed) {
        // Our clock was set back since the pause was stored: it could last for years.
        log.warn(
          { event: { reason: quota.route } },
          'Quota was paused for longer than a vendor can ask; resuming now.',
        );
        await this.#quotas.pause(quota.name, 0);
        resumed = true;
        continue;
      }
      if (wait > SHORTEST_REPORTED_WAIT) {
        const until = this.#clock.now() + wait;
        this.#reportWait(quota.name, until);
        const end = new Date(until).toISOString();
        if (!logged) log.info({ event: { reason: quota.route, end } }, 'Request is waiting for its quota.');
        logged = true;
      }
      await this.#clock.sleep(Math.min(wait, longest) + this.#courtesy, signal);
    }
  }

  /** Everyone in this queue waits until then (epoch ms). */
  #reportWait(name: string, until: number): void {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return;
    waiting.until = until;
    for (const { onWait } of waiting.waiters) onWait?.(until);
  }

  /** 0 when one request was durably spent; otherwise the milliseconds to wait before the next try. */
  async #trySpend({ name, limit }: RouteQuota): Promise<number> {
    const now = this.#clock.now();
    if (limit === undefined) return Math.max(0, (await this.#quotas.pausedUntil(name)) - now);
    const at = await this.#quotas.spend(name, withMargin(limit), now);
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

interface ThrottleContext {
  readonly spender: QuotaSpender;
  readonly quota: RouteQuota;
  readonly clock: Clock;
  readonly log: Logger;
  /** The vendor's clock, epoch milliseconds. */
  readonly vendorNow: number;
  /** Number of this try, from 1. */
  readonly attempt: number;
  /** What the source says of the response. */
  readonly says?: ThrottleTest | undefined;
}

/** The first pause after a 429 that does not say how long to wait; it doubles up to the longest. Milliseconds. */
const FIRST_DEFAULT_PAUSE = 5_000;
const LONGEST_DEFAULT_PAUSE = 60_000;

/**
 * Pauses the quota, durably, as the response asks. Returns the error for a response that was throttled; undefined for any
 * other, also when its headers say that the quota is now exhausted.
 */
export async function pauseAsAsked(
  response: RawResponse,
  { spender, quota, clock, log, vendorNow, attempt, says }: ThrottleContext,
): Promise<ThrottledError | undefined> {
  const { status, headers, url } = response;
  const said = says?.(response);
  if (said === undefined && !isThrottled(response)) {
    const wait = exhaustedFor(headers, vendorNow);
    if (wait !== undefined) await spender.pause(quota, clock.now() + wait);
    return undefined;
  }
  const fallback = Math.min(LONGEST_DEFAULT_PAUSE, FIRST_DEFAULT_PAUSE * 2 ** (attempt - 1));
  const wait = throttledFor(headers, vendorNow, said?.until) ?? fallback;
  const until = clock.now() + wait;
  await spender.pause(quota, until);
  const end = new Date(until).toISOString();
  log.warn(
    { http: { response: { status_code: status } }, url: { full: url }, event: { end } },
    'The vendor asked us to wait.',
  );
  const message = `${url} asked us to wait until ${end}. Lower \`quota\` if other programs share this credential.`;
  return new ThrottledError(message, url, until);
}
