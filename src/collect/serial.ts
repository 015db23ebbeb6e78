/** Runs what it is given one after another, in the order it was given. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** Whether something runs or waits for its turn. */
  get busy(): boolean {
    return this.#pending > 0;
  }

  /** Settles as `work` does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise: over, resolve: leave } = Promise.withResolvers<void>();
    this.#last = over;
    this.#pending += 1;
    try {
      await before;
      return await work();
    } finally {
      this.#pending -= 1;
      leave();
    }
  }
}
