import { setImmediate as turn } from 'node:timers/promises';

/** Tells those who wait that something was committed, in this process, without polling. */
export class Changes {
  readonly #waiters = new Set<() => void>();

  /** One turn of the event loop later, so that who has just read and found nothing is waiting by then. */
  announce(): void {
    setImmediate(() => {
      for (const wake of this.#waiters) wake();
    });
  }

  /** Resolves at the next announcement, or at the signal's abort; one turn later when it came `already`. */
  async next(signal: AbortSignal, already: boolean): Promise<void> {
    if (signal.aborted) return;
    if (already) {
      // A caller in a loop must not keep the event loop from everyone else.
      await turn();
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#waiters.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    signal.removeEventListener('abort', wake);
    this.#waiters.delete(wake);
  }
}
