import { setImmediate as nextTurn } from 'node:timers/promises';
import { StateError } from '../core/errors.ts';
import type { Schedule } from '../core/schedule.ts';
import type { Scope } from '../core/source.ts';
import type { StreamStore } from '../journal/collection.ts';
import type { Subject } from '../journal/leases.ts';
import { type CollectContext, isLeaseLost, streamOf } from './context.ts';

/**
 * When a source is due first in this process, epoch ms. The due time survives restarts; a source that was never polled,
 * or whose due time has passed, is due now.
 */
export async function firstDue(
  { journal, clock, config, log, state }: CollectContext,
  schedule: Schedule,
): Promise<number> {
  const now = clock.now();
  const stored = await journal.sources.nextDue(config.name).catch((error: unknown) => {
    if (error instanceof StateError) throw error;
    log[state?.level ?? 'error']({ err: error }, 'The due time could not be read. Due now.');
    return undefined;
  });
  if (stored === undefined || stored <= now + schedule.interval) return stored ?? now;
  log.warn(
    { penstock: { source: config.name, next_due: new Date(stored).toISOString() } },
    'The stored due time is further away than the interval: the clock or the schedule changed. Due now.',
  );
  return now;
}

/** When a source is due after a poll: by its schedule, or before when it asks for an earlier time. Epoch ms. */
export function nextDue({ config, clock, source }: CollectContext, schedule: Schedule): number {
  const now = clock.now();
  const scheduled = schedule.next(now);
  const vendorNow = source.now();
  const early = config.definition.nextExtraPoll?.(config.options, vendorNow);
  return early === undefined ? scheduled : Math.min(scheduled, now + early - vendorNow);
}

/**
 * Stores the due time. One that cannot be stored (a full disk) costs an early poll at the next start, nothing else. After
 * the lease was lost it is for the next holder to say.
 */
export async function storeDue(context: CollectContext, due: number): Promise<void> {
  const { journal, config, log, state } = context;
  try {
    await journal.sources.setNextDue(config.name, due);
  } catch (error) {
    if (error instanceof StateError) throw error;
    if (isLeaseLost(context, error)) return;
    log[state?.level ?? 'error']({ err: error }, 'The next due time could not be stored.');
  }
}

/**
 * What is to begin, in its order: first the source whose stream waited longest, because sources may share a quota. Those
 * that waited equally long keep their order, and so do others than sources, behind them.
 */
export async function longestWaitingFirst(
  streams: Pick<StreamStore, 'all'>,
  subjects: readonly Subject[],
): Promise<readonly Subject[]> {
  const sources = subjects.filter(({ kind }) => kind === 'source');
  if (sources.length < 2) return subjects;
  const asked = new Map<string, number>();
  for (const { source, orphaned, asked: at = -Infinity } of await streams.all())
    if (!orphaned) asked.set(source, Math.min(at, asked.get(source) ?? Infinity));
  const others = subjects.filter(({ kind }) => kind !== 'source');
  return [...byAsked(sources, ({ name }) => asked.get(name)), ...others];
}

/** Streams that one transaction opens; others take their turn between two. */
const OPENED_AT_ONCE = 250;

/**
 * Makes the streams known, and orders them by when they were asked last, those never asked first: a quota below the
 * demand, or a deadline, must not keep the same streams waiting for ever.
 */
export async function longestWaitingScopes(
  { config, journal }: CollectContext,
  scopes: readonly Scope[],
): Promise<readonly Scope[]> {
  if (scopes.length < 2) return scopes;
  const asked = new Map<Scope, number | undefined>();
  for (let from = 0; from < scopes.length; from += OPENED_AT_ONCE) {
    const some = scopes.slice(from, from + OPENED_AT_ONCE);
    const states = await journal.streams.openAll(some.map((scope) => streamOf(config, scope)));
    for (const [index, scope] of some.entries()) asked.set(scope, states[index]?.asked);
    await nextTurn();
  }
  return byAsked(scopes, (scope) => asked.get(scope));
}

function byAsked<T>(all: readonly T[], askedOf: (one: T) => number | undefined): readonly T[] {
  const order = (one: T) => askedOf(one) ?? -Infinity;
  return all.toSorted((one, other) => {
    if (order(one) === order(other)) return 0;
    return order(one) < order(other) ? -1 : 1;
  });
}
