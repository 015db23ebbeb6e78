import type { App } from './app.ts';
import type { Clock } from '../core/clock.ts';
import type { Delivery } from '../deliver/loop.ts';

/** A destination that takes nothing for so long is not waited for. Milliseconds. */
const PATIENCE = 60_000;

/** How often it is looked how destinations stand. Milliseconds. */
export const LOOK_EVERY = 1_000;

/** Why a destination will take nothing for now, in words; undefined while it may. */
export function troubleOf({ destination: { name }, state }: Delivery, now: number): string | undefined {
  const { kind, since, reason = '' } = state;
  if (kind === 'paused') return `Destination ${name} is paused: ${reason}`;
  if (kind === 'retrying' && now - since >= PATIENCE) return `Destination ${name} accepts nothing: ${reason}`;
  return undefined;
}

/**
 * Waits until the destinations have all that is journaled by now. Returns why those that do not take it do not;
 * undefined when delivering ended first.
 */
export async function untilDelivered(
  deliveries: readonly Delivery[],
  clock: Clock,
): Promise<readonly string[] | undefined> {
  const rests = await Promise.all(deliveries.map((delivery) => restOf(delivery, clock)));
  if (rests.includes('stopped')) return undefined;
  return rests.filter((rest) => rest !== 'caught-up');
}

async function restOf(delivery: Delivery, clock: Clock): Promise<string> {
  const ended = new AbortController();
  const trouble = troubleComes(delivery, clock, ended.signal);
  const rest = await Promise.race([delivery.idle(), trouble]);
  ended.abort();
  return rest === 'paused'
    ? (troubleOf(delivery, clock.now()) ?? `Destination ${delivery.destination.name} is paused.`)
    : rest;
}

/** Never resolves without trouble. */
async function troubleComes(delivery: Delivery, clock: Clock, signal: AbortSignal): Promise<string> {
  for (;;) {
    const trouble = troubleOf(delivery, clock.now());
    if (trouble !== undefined) return trouble;
    try {
      await clock.sleep(LOOK_EVERY, signal);
    } catch {
      return new Promise<never>(() => {});
    }
  }
}

/** The deliveries of destinations that take a source. */
export function takersOf({ deliveries }: Pick<App, 'deliveries'>, source: string): readonly Delivery[] {
  return deliveries.filter(
    ({ destination: { sources } }) => sources === undefined || sources.includes(source),
  );
}
