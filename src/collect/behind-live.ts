import type { Http } from '../core/http.ts';
import type { CollectContext } from './context.ts';

/** How often it is looked whether live polling leaves room. Milliseconds. */
const LOOK_EVERY = 1_000;

/**
 * The source's client for work that goes behind live polling: a request waits while a sweep goes on, and leaves it one
 * free slot of the budget; where the budget has a single slot, a sweep that begins just then waits for that one.
 */
export function behindLive(context: CollectContext): Http {
  const { http } = context;
  return {
    available: (route) => http.available(route),
    recall: (ahead) => http.recall(ahead),
    get: async (request) => {
      await turnOf(context, request.route);
      return http.get(request);
    },
  };
}

async function turnOf({ http, sweeps, clock, signal }: CollectContext, route: string): Promise<void> {
  const least = Math.min(2, http.capacity(route));
  while (sweeps.busy || (await http.available(route)) < least) await clock.sleep(LOOK_EVERY, signal);
}
