import { setImmediate as turn } from 'node:timers/promises';
import { DrivenClock } from '../../support/driven-clock.ts';

const MINUTE = 60_000;

/** Time limit of a request. Nothing else waits just as long, so that only a slow vendor lets it pass. */
export const TIMEOUT = 10 * MINUTE + 7;

/** Turns of the event loop, in which any request on loopback is long answered. */
const MOST_TURNS = 100_000;

/** Our clock and the vendor's. The same time passes for both; each can be set by itself. */
export class Clocks {
  readonly ours = new DrivenClock();
  readonly theirs = new DrivenClock();
  /** One of them was set, and no poll has noticed yet. Two such changes may look like none. */
  isSet = false;
  /** By how much the vendor's was set back, in all. Milliseconds. */
  setBack = 0;

  async pass(ms: number): Promise<void> {
    await this.theirs.advance(ms);
    await this.ours.advance(ms);
  }

  set(whose: 'ours' | 'theirs', ms: number): void {
    this[whose].jump(ms);
    this.isSet = true;
    if (whose === 'theirs') this.setBack += Math.max(0, -ms);
  }

  /** Lets real I/O happen, and time pass whenever `work` or the vendor waits for it. */
  async drive<T>(work: Promise<T>): Promise<T> {
    const state = { ended: false };
    const end = () => {
      state.ended = true;
    };
    work.then(end, end);
    for (let turns = 0; !state.ended; turns += 1) {
      await turn();
      const waits = [this.ours, this.theirs].map((clock) => (clock.next ?? Infinity) - clock.now());
      const wait = Math.min(...waits);
      const isAnswering = wait === TIMEOUT && this.theirs.next === undefined;
      if (turns > MOST_TURNS) throw new Error(`nothing happens: the next wait ends in ${wait} ms`);
      if (isAnswering || wait === Infinity) continue;
      await this.pass(wait);
      turns = 0;
    }
    return work;
  }
}
