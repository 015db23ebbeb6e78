import type { Delivery } from '../deliver/loop.ts';
import type { Errand, Settled } from '../deliver/redelivery.ts';
import type { Clock } from '../core/clock.ts';
import { LOOK_EVERY, troubleOf } from './trouble.ts';

interface Redelivery {
  readonly delivery: Delivery;
  readonly errand: Errand;
  readonly clock: Clock;
  /** Aborted when delivering ends. */
  readonly signal: AbortSignal;
  /** Told what was settled, when that is durable. */
  readonly onSettled: (settled: Settled) => Promise<void>;
  /** Told why nothing is taken, and (undefined) when something is again. */
  readonly onTrouble: (words: string | undefined) => Promise<void>;
}

/** Sends an errand's records behind live ones. Resolves with true when all are settled, with false when delivering ended before. */
export async function redeliver(redelivery: Redelivery): Promise<boolean> {
  const { delivery, errand, signal, onSettled } = redelivery;
  const ended = new AbortController();
  const sent = delivery.runErrand({
    ...errand,
    read: (position) => errand.read(position),
    settle: async (settled) => {
      await errand.settle(settled);
      await onSettled(settled);
    },
  });
  const watching = watch(redelivery, AbortSignal.any([signal, ended.signal]));
  try {
    // One that was handed over after the delivery's end would never settle.
    return await Promise.race([
      sent.then(
        () => true,
        () => false,
      ),
      aborted(signal),
    ]);
  } finally {
    ended.abort();
    await watching;
  }
}

async function watch({ delivery, clock, onTrouble }: Redelivery, signal: AbortSignal): Promise<void> {
  let told: string | undefined;
  while (!signal.aborted) {
    const trouble = troubleOf(delivery, clock.now());
    if (trouble !== told) await onTrouble(trouble);
    told = trouble;
    await clock.sleep(LOOK_EVERY, signal).catch(() => undefined);
  }
}

function aborted(signal: AbortSignal): Promise<false> {
  const { promise, resolve } = Promise.withResolvers<false>();
  if (signal.aborted) resolve(false);
  signal.addEventListener('abort', () => resolve(false), { once: true });
  return promise;
}
