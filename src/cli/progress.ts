import type { Tally } from '../collect/tally.ts';
import type { Io } from './io.ts';
import { printable } from '../printable.ts';

const EVERY = 200;

/** One line on a terminal that says how far a pass has come; nothing where there is no terminal. */
export class Progress {
  readonly #io: Io;
  readonly #events = new Map<string, number>();
  #shownAt = 0;

  constructor(io: Io) {
    this.#io = io;
  }

  /** Takes note of a durable page. */
  readonly page = (source: string, added: Tally): void => {
    this.#events.set(source, (this.#events.get(source) ?? 0) + added.told);
    const now = this.#io.clock.now();
    if (now - this.#shownAt < EVERY) return;
    this.#shownAt = now;
    this.#show(
      [...this.#events].map(([name, events]) => `${name}: ${events.toLocaleString('en')} events`).join(' · '),
    );
  };

  /** Clears the line. */
  end(): void {
    this.#show('');
  }

  #show(line: string): void {
    const { stderr } = this.#io;
    if (stderr.isTTY === true)
      stderr.write(`\r\u001b[K${printable(line).slice(0, (stderr.columns ?? 80) - 1)}`);
  }
}
