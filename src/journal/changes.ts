import { setImmediate as turn } from 'node:timers/promises';

/** Wakes waiters when this process commits records, so that they need not poll. */
export class Changes {
  readonly #waiters = new Set<() => void>();

  /** Whether anybody waits. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** One turn of the event loop later: a reader that has just found nothing is waiting by then. */
  announce(): void {
    setImmediate(() => {
      for (const wake of this.#waiters) wake();
    });
  }

  /** Resolves at the next announcement, or at the signal's abort; one turn later when it came `already`. */
  async next(signal: AbortSignal, already: boolean): Promise<void> {
    if (signal.aborted) return;
    if (already) {
      // A caller in a loop must not block the event loop.
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
