import { type Clock, systemClock } from '../src/core/clock.ts';
import { Entry, type View } from '../src/simulators/qradar-attempts.ts';
import type { FieldTypes } from '../src/simulators/qradar-filter.ts';
import { consoleUsers, loginAttempt } from '../src/simulators/qradar-generator.ts';
import { conditionOf, listAnswer } from '../src/simulators/qradar-list.ts';
import { seeded } from '../src/simulators/seeded.ts';
import { serve, type Simulator } from '../src/simulators/server.ts';

/** The token that the console accepts; it accepts any. */
export const TOKEN = 'token-of-the-bench';

/** The rows are of one hour. Milliseconds. */
const SPAN = 3_600_000;

/** The newest row is so old that every source reads it at once: `settle` is a minute, and a `Date` has no milliseconds. */
const AGE = 300_000;

const FIELDS: FieldTypes = { attempt_time: 'long' };

/** The clock of consoles that have nothing at first: two hours behind until `open`, and the rows are newer than that. */
export class ClosedClock implements Clock {
  #behind = 2 * SPAN;

  now(): number {
    return Date.now() - this.#behind;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  /** From now on the consoles have all their rows. */
  open(): void {
    this.#behind = 0;
  }
}

/** A QRadar console with any number of login attempts. It makes each row when it is asked for, so none takes memory. */
export async function startConsole(rows: number, clock: Clock = systemClock): Promise<Simulator> {
  const table = new Table(rows, Date.now() - SPAN - AGE);
  return serve(
    (request) => {
      if (request.path !== '/api/access/login_attempts') return { status: 404 };
      const { span } = conditionOf(request.query, FIELDS, 'attempt_time');
      return listAnswer(request, table.between(span.from, span.to), undefined, {});
    },
    { clock },
  );
}

/** Login attempts in order of time; every third one has the millisecond of the one before it. */
class Table {
  readonly #rows: number;
  readonly #start: number;
  readonly #users = consoleUsers();

  constructor(rows: number, start: number) {
    this.#rows = rows;
    this.#start = start;
  }

  between(from: number, to: number): View {
    const first = this.#firstAt(from);
    const end = this.#firstAt(to);
    return {
      total: end - first,
      slice: (begin, stop) => {
        const length = Math.max(0, Math.min(end, first + stop) - first - begin);
        return Array.from({ length }, (_, index) => this.#row(first + begin + index));
      },
    };
  }

  #row(index: number): Entry {
    const time = this.#timeOf(index);
    return new Entry(time, { ...loginAttempt(seeded(index), time, this.#users) });
  }

  #timeOf(index: number): number {
    const shared = index % 3 === 2 ? index - 1 : index;
    return this.#start + Math.floor((shared * SPAN) / this.#rows);
  }

  /** Index of the first row at or after a time. */
  #firstAt(time: number): number {
    let low = 0;
    let high = this.#rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timeOf(middle) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
