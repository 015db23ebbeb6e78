import { untilAborted } from './clock.ts';
import type { Logger } from './log.ts';
import type { Condition } from './state.ts';

/**
 * Whether the state can be used, as its last use told. Whoever finds out says so here: an outage is logged once, and what
 * waits for its end goes on by itself.
 */
export class Availability {
  #outage: Condition | undefined;
  #back = Promise.withResolvers<void>();

  /** Why the state cannot be used, and since when; undefined while it can. */
  get outage(): Condition | undefined {
    return this.#outage;
  }

  /** The state was used. `problem`: why that failed; undefined when it did not. `now`: epoch ms. */
  used(problem: string | undefined, { now, log }: { readonly now: number; readonly log: Logger }): void {
    if (problem !== undefined) {
      if (this.#outage === undefined)
        log.error(
          { error: { message: problem } },
          'The state is not available. Nothing is polled or delivered until it is; it is tried again.',
        );
      this.#outage = { since: this.#outage?.since ?? now, reason: problem };
      return;
    }
    if (this.#outage === undefined) return;
    this.#outage = undefined;
    log.info('The state is available again.');
    this.#back.resolve();
    this.#back = Promise.withResolvers();
  }

  /** The level for what follows from the state: an outage is known already. */
  get level(): 'error' | 'debug' {
    return this.#outage === undefined ? 'error' : 'debug';
  }

  /** Resolves when the state can be used; at the signal's abort too. */
  async untilBack(signal: AbortSignal): Promise<void> {
    while (this.#outage !== undefined && !signal.aborted)
      await Promise.race([this.#back.promise, untilAborted(signal)]);
  }
}
