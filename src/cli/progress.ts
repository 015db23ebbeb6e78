import type { Tally } from '../collect/tally.ts';
import type { Clock } from '../clock.ts';
import type { TerminalLine } from './terminal-line.ts';

const EVERY = 200;

/** One line on a terminal that says how far a pass has come; nothing where there is no terminal. */
export class Progress {
  readonly #clock: Clock;
  readonly #line: TerminalLine;
  readonly #events = new Map<string, number>();
  #shownAt = 0;

  constructor(clock: Clock, line: TerminalLine) {
    this.#clock = clock;
    this.#line = line;
  }

  /** Takes note of a durable page. */
  readonly page = (source: string, added: Tally): void => {
    this.#events.set(source, (this.#events.get(source) ?? 0) + added.told);
    const now = this.#clock.now();
    if (now - this.#shownAt < EVERY) return;
    this.#shownAt = now;
    this.#line.show(
      [...this.#events].map(([name, events]) => `${name}: ${events.toLocaleString('en')} events`).join(' · '),
    );
  };

  /** Clears the line. */
  end(): void {
    this.#line.show('');
  }
}
