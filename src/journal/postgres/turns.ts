/** Lets so many callers work at a time, the others in the order in which they came. */
export class Turns {
  #free: number;
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Settles as `work` does, or as `failWaiting` says. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) {
      const turn = Promise.withResolvers<void>();
      this.#waiting.push(turn);
      await turn.promise;
    } else {
      this.#free -= 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next.resolve();
    }
  }

  /** Whoever waits now gets this error instead of a turn. */
  failWaiting(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
