import { IANAZone } from 'luxon';
import { createTask, parse, validateDetailed, type ScheduledTask } from 'node-cron';

const DAY = 86_400_000;
/** `0 0 29 2 1` (a Monday) may be this far away: the days of the week come round once in 28 years, longer over 2100. */
const HORIZON = 40 * 366 * DAY;

/**
 * A five- or six-field cron expression in a time zone. node-cron parses and matches; the next time is found here,
 * because its own timers pass over a local time that the clocks skip. Such a time runs at the shift, and an hour
 * that comes twice runs twice.
 */
export class Cron {
  readonly #task: ScheduledTask;
  readonly #times: { readonly hour: number[]; readonly minute: number[]; readonly second: number[] };
  readonly #zone: IANAZone;

  /** Throws an `Error` in words when the expression or the zone is not valid. */
  constructor(expression: string, timezone = 'UTC') {
    const { valid, errors } = validateDetailed(expression);
    if (!valid) throw new Error(errors.map(({ message }) => message).join('; '));
    this.#zone = IANAZone.create(timezone);
    if (!this.#zone.isValid) throw new Error(`no time zone is named ${timezone}`);
    this.#times = parse(expression);
    this.#task = createTask(expression, () => {}, { timezone: 'UTC' });
  }

  /** The first due instant after `after`; undefined when none comes within 40 years. Epoch ms. */
  next(after: number): number | undefined {
    let from = Math.floor(after / 1000) * 1000 + 1000;
    const end = from + HORIZON;
    while (from < end) {
      const offset = this.#offset(from);
      const change = this.#nextChange(from, offset);
      const wall = this.#nextWall(from + offset, change + offset);
      if (wall !== undefined) return wall - offset;
      const skippedTo = change + this.#offset(change);
      if (this.#nextWall(change + offset, skippedTo) !== undefined) return change;
      from = change;
    }
    return undefined;
  }

  #offset(instant: number): number {
    return this.#zone.offset(instant) * 60_000;
  }

  /** When the zone's offset changes next, or a year from now where it does not: a stretch of linear local time. */
  #nextChange(from: number, offset: number): number {
    const limit = from + 366 * DAY;
    let late = from;
    while (late < limit && this.#offset(late) === offset) late += DAY;
    if (this.#offset(late) === offset) return late;
    let early = late - DAY;
    while (late - early > 1000) {
      const middle = Math.floor((early + late) / 2000) * 1000;
      if (this.#offset(middle) === offset) early = middle;
      else late = middle;
    }
    return late;
  }

  /** The first matching local time in [from, before), local times written as if they were UTC. */
  #nextWall(from: number, before: number): number | undefined {
    for (let day = Math.floor(from / DAY) * DAY; day < before; day += DAY) {
      if (!this.#runsOn(day)) continue;
      const wall = this.#firstTime(day, from);
      if (wall !== undefined) return wall < before ? wall : undefined;
    }
    return undefined;
  }

  #runsOn(day: number): boolean {
    const { hour, minute, second } = this.#times;
    return this.#task.match(new Date(at(day, hour[0] ?? 0, minute[0] ?? 0, second[0] ?? 0)));
  }

  #firstTime(day: number, from: number): number | undefined {
    const { hour, minute, second } = this.#times;
    for (const h of hour) {
      if (at(day, h, 59, 59) < from) continue;
      for (const m of minute) {
        if (at(day, h, m, 59) < from) continue;
        const s = second.find((candidate) => at(day, h, m, candidate) >= from);
        if (s !== undefined) return at(day, h, m, s);
      }
    }
    return undefined;
  }
}

function at(day: number, hour: number, minute: number, second: number): number {
  return day + ((hour * 60 + minute) * 60 + second) * 1000;
}
