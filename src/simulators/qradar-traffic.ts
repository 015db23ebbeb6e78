import type { Clock, Random } from '../core/clock.ts';
import { loginAttempt } from './qradar-generator.ts';
import type { SimulatedConsole } from './qradar.ts';

/**
 * Adds new attempts as time passes, at random moments, `perMinute` on average. Runs until the signal aborts, then
 * resolves.
 */
export async function startTraffic(
  console: Pick<SimulatedConsole, 'add' | 'users'>,
  {
    clock,
    random,
    perMinute,
    signal,
  }: { clock: Clock; random: Random; perMinute: number; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    // Waits between independent events are exponential; 1 − random() keeps the logarithm finite.
    const wait = (-Math.log(1 - random()) * 60_000) / perMinute;
    try {
      await clock.sleep(wait, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    console.add([loginAttempt(random, clock.now(), console.users)]);
  }
}
