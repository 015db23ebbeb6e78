import type { PollStats } from '../core/poll-stats.ts';
import type { TerminalLine } from './output.ts';

/** One line on a terminal that says how far a pass has come; nothing where there is no terminal. */
export class Progress {
  readonly #line: TerminalLine;
  readonly #events = new Map<string, number>();

  constructor(line: TerminalLine) {
    this.#line = line;
  }

  /** Takes note of a durable page. */
  readonly page = (source: string, added: PollStats): void => {
    this.#events.set(source, (this.#events.get(source) ?? 0) + added.emitted);
    this.#line.show(
      [...this.#events].map(([name, events]) => `${name}: ${events.toLocaleString('en')} events`).join(' · '),
    );
  };

  /** Clears the line. */
  end(): void {
    this.#line.show('');
  }
}
