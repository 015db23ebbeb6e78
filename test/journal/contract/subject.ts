import { afterEach, beforeEach } from 'vitest';
import type { Journal } from '../../../src/journal/journal.ts';
import type { Position } from '../../../src/journal/delivery.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { page, records } from '../support/commits.ts';

/** One store, to be opened again and again; what was committed must be there the next time. */
export interface JournalStore extends AsyncDisposable {
  open(options: { readonly clock: DrivenClock; readonly retain: number }): Promise<Journal>;
}

/** A journal under test, fresh and with nothing retained for each test. */
export class Subject {
  clock = new DrivenClock();
  journal!: Journal;
  #store!: JournalStore;
  #retain = 0;

  /** Registers the making and the end of the journal with the test runner. */
  constructor(makeStore: () => Promise<JournalStore>) {
    beforeEach(async () => {
      this.clock = new DrivenClock();
      this.#retain = 0;
      this.#store = await makeStore();
      this.journal = await this.#store.open({ clock: this.clock, retain: 0 });
    });
    afterEach(async () => {
      await this.journal[Symbol.asyncDispose]();
      await this.#store[Symbol.asyncDispose]();
    });
  }

  async reopen({ retain = this.#retain }: { retain?: number } = {}): Promise<void> {
    await this.journal[Symbol.asyncDispose]();
    this.#retain = retain;
    this.journal = await this.#store.open({ clock: this.clock, retain });
  }

  async positionOf(destination: string): Promise<Position | undefined> {
    const states = await this.journal.destinations.all();
    return states.find(({ name }) => name === destination)?.position;
  }

  /** Three pages of one event each: `a-0`, `b-0`, `c-0`. */
  async commitThree(): Promise<void> {
    for (const name of ['a', 'b', 'c']) await this.journal.commit(page({ records: records(1, name) }));
  }

  /** Moves a destination past so many of the pages held. */
  async pass(destination: string, count: number): Promise<void> {
    const first = (await this.journal.pages.read({ sequence: 0, offset: 0 }))?.sequence ?? 0;
    const position = { sequence: first + count, offset: 0 };
    await this.journal.acknowledge(destination, { position, response: '200', now: this.clock.now() });
  }
}
