/** Runs one task at a time, in the order in which they were given. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** Whether a task runs or waits. */
  get busy(): boolean {
    return this.#pending > 0;
  }

  /** Settles as `task` does. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    this.#last = released;
    this.#pending += 1;
    try {
      await before;
      return await task();
    } finally {
      this.#pending -= 1;
      release();
    }
  }
}
