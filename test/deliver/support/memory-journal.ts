import type { DeliveryJournal } from '../../../src/deliver/loop.ts';
import type { JournaledEvent } from '../../../src/core/event.ts';
import type { DeadLetter, JournalPage, Position } from '../../../src/journal/delivery.ts';
import type { Acknowledgement, Room } from '../../../src/journal/journal.ts';
import { encoded } from '../../support/records.ts';

/** A journal in memory for the tests of the delivery, which look at what was committed. */
export class MemoryJournal implements DeliveryJournal {
  readonly #pages: JournalPage[] = [];
  readonly letters: DeadLetter[] = [];
  /** Every position that was committed, in order. */
  readonly positions: Position[] = [];
  readonly responses: string[] = [];
  /** Every pause and (undefined) end of one. */
  readonly pauses: (string | undefined)[] = [];
  space: Room = 'free';
  letterBytes = 0;
  readonly #waiters: (() => void)[] = [];

  add(events: readonly JournaledEvent[], page: Partial<JournalPage> = {}): void {
    const observedAt = Date.parse('2026-03-02T12:00:00Z');
    for (const records of encoded(events, page.observedAt ?? observedAt))
      this.#pages.push({
        sequence: (this.#pages.at(-1)?.sequence ?? 0) + 1,
        stream: 'qradar-login-attempts|https://qradar.example.com|',
        source: 'console',
        lane: 'live',
        observedAt,
        committedAt: observedAt,
        ...records,
        ...page,
      });
    for (const wake of this.#waiters.splice(0)) wake();
  }

  get position(): Position {
    return this.positions.at(-1) ?? { sequence: 0, offset: 0 };
  }

  /** How many events lie before the position. */
  get passed(): number {
    const { sequence, offset } = this.position;
    const whole = this.#pages.filter((page) => page.sequence < sequence);
    return whole.reduce((sum, { count }) => sum + count, offset);
  }

  readonly destinations: DeliveryJournal['destinations'] = {
    all: async () => {
      const paused = this.pauses.at(-1);
      const state = { position: this.position, lastResponse: undefined, lastResponseAt: undefined, paused };
      return [{ ...state, name: 'siem', since: undefined, lastNamed: 0 }];
    },
    setPaused: async (_name, reason) => void this.pauses.push(reason),
    // Nothing is limited here: test/deliver/backlog.test.ts has a real journal.
    backlogBeyond: async () => undefined,
    skip: async () => {
      throw new Error('Nothing is beyond a limit.');
    },
    endGap: async () => undefined,
  };

  readonly pages: DeliveryJournal['pages'] = {
    read: async ({ sequence }) => this.#pages.find((page) => page.sequence >= sequence),
    changed: async (signal, position) => {
      const last = this.#pages.at(-1)?.sequence ?? 0;
      if (signal.aborted || (position !== undefined && position.sequence <= last)) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
    },
  };

  readonly deadLetters: DeliveryJournal['deadLetters'] = { bytes: async () => this.letterBytes };

  async acknowledge(_name: string, { position, response, deadLetters = [] }: Acknowledgement): Promise<void> {
    this.positions.push(position);
    this.responses.push(response);
    this.letters.push(...deadLetters);
  }

  async room(): Promise<Room> {
    return this.space;
  }

  async stats() {
    return { events: 0, bytes: 1_000, oldest: undefined };
  }
}
