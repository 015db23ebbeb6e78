import { showDuration } from '../core/text.ts';
import type { ResponseReport } from '../core/delivery-state.ts';
import type { Logger } from '../core/log.ts';
import type { Io } from './io.ts';
import { say } from './output.ts';

interface AwayParts {
  readonly io: Io;
  readonly log: Logger;
  /** When the pass ends whatever is undelivered, epoch ms. */
  readonly deadline: number;
}

/** Says of a pass that a destination is away, as soon as that is known: what is waited for, and how long. */
export class Away {
  readonly #parts: AwayParts;
  readonly #away = new Set<string>();

  constructor(parts: AwayParts) {
    this.#parts = parts;
  }

  /** Called with each response; speaks at the first without a usable answer, and again after records were accepted. */
  readonly onResponse = ({ destination, kind }: Pick<ResponseReport, 'destination' | 'kind'>): void => {
    if (kind === 'accepted') this.#away.delete(destination);
    if (kind !== 'retry' || this.#away.has(destination)) return;
    this.#away.add(destination);
    this.#say(destination);
  };

  #say(destination: string): void {
    const { io, log, deadline } = this.#parts;
    const left = Math.max(0, deadline - io.clock.now());
    const at = new Date(deadline).toISOString();
    if (io.stderr.isTTY !== true) {
      const penstock = { destination, deadline_at: at, deadline_in_ms: Math.round(left) };
      log.warn({ penstock }, 'Destination is unavailable; events are queued. Waiting until the deadline.');
      return;
    }
    // The log is on the terminal as well: one of the two is enough.
    say(
      io.stderr,
      `Destination ${destination} is unavailable; events are queued. Waiting until the deadline at ${at}, in ${showDuration(left)}.\n`,
    );
  }
}
