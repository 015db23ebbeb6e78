/** Why a delivery is at rest. */
export type Rest = 'caught-up' | 'paused' | 'stopped';

/** Tells when a delivery is at rest, to those who asked before it looked: an older finding may miss a newer commit. */
export class Idle {
  #waiting: ((rest: Rest) => void)[] = [];
  #nudge = new AbortController();
  #rest: Rest | undefined;

  /** Resolves at the next rest; at once while paused or stopped, which no new event changes. */
  wait(): Promise<Rest> {
    if (this.#rest === 'paused' || this.#rest === 'stopped') return Promise.resolve(this.#rest);
    const { promise, resolve } = Promise.withResolvers<Rest>();
    this.#waiting.push(resolve);
    this.nudge();
    return promise;
  }

  /** Makes it look again. */
  nudge(): void {
    this.#nudge.abort();
  }

  /** Called before it is looked whether there is work. The signal aborts when somebody asks after that. */
  look(): AbortSignal {
    this.#nudge = new AbortController();
    return this.#nudge.signal;
  }

  /** It was looked, and there is nothing to do. */
  at(rest: Rest): void {
    this.#rest = rest;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(rest);
  }

  /** There is work. */
  busy(): void {
    this.#rest = undefined;
  }
}
