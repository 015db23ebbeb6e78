interface Waiter {
  readonly met: () => boolean;
  readonly resolve: () => void;
}

/** Lets callers wait until something has come to be, without polling: who changes it calls `check`. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  /** Resolves when `met` holds, at once if it does; rejects with the signal's reason when aborted. */
  async until(met: () => boolean, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (met()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { met, resolve };
    const abort = () => reject(signal?.reason as Error);
    this.#waiting.add(waiter);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiting.delete(waiter);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** To be called after every change. */
  check(): void {
    for (const { met, resolve } of this.#waiting) if (met()) resolve();
  }
}
