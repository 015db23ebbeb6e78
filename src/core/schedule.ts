import { IANAZone } from 'luxon';
import { createTask, parse, validateDetailed, type ScheduledTask } from 'node-cron';
import type { Random } from './clock.ts';
import { UNITS } from './duration.ts';
import type { CommonOptions, Source } from './source.ts';

/** When a source is due. */
export interface Schedule {
  /** The first due time after `after`, epoch ms. */
  next(after: number): number;
  /** The longest normal time between two due times, ms: for staleness, and to check a stored due time. */
  readonly interval: number;
}

/** The share by which a plain interval varies, so that many pollers do not run at the same moment. */
const JITTER = 0.05;

/**
 * A schedule as the configuration writes it: `every 5m` (with jitter), or five- or six-field cron in `timezone`.
 * @throws Error that explains what is wrong with it
 */
export function parseSchedule(text: string, timezone: string, random: Random): Schedule {
  const every = /^every\s+(\d+)\s*([smhd])$/.exec(text.trim());
  if (every === null) return cronSchedule(text, timezone);
  const interval = Number(every[1]) * UNITS[every[2] as keyof typeof UNITS];
  if (interval === 0) throw new Error('an interval must be longer than zero');
  return {
    next: (after) => after + Math.round(interval * (1 - JITTER + 2 * JITTER * random())),
    interval: interval * (1 + JITTER),
  };
}

function cronSchedule(expression: string, timezone: string): Schedule {
  const cron = new Cron(expression, timezone);
  const never = new Error(`${expression} never occurs`);
  const next = (after: number) => {
    const due = cron.next(after);
    if (due === undefined) throw never;
    return due;
  };
  return { next, interval: longest(next) };
}

/** The longest pause among the next due times, counted from a fixed instant, so that it is the same at every start. */
function longest(next: (after: number) => number): number {
  let pause = 0;
  let at = next(Date.UTC(2026, 0, 1));
  for (let count = 0; count < 64; count += 1) {
    const following = next(at);
    pause = Math.max(pause, following - at);
    at = following;
  }
  return pause;
}

/** How long a poll of so many streams takes if each costs one request of the main route's quota. Milliseconds. */
export function predictedPoll(
  { definition, options }: { readonly definition: Source; readonly options: CommonOptions },
  streams: number,
): number {
  const quota = options.quota ?? definition.quotas(options)[0];
  return quota === undefined ? 0 : (streams * quota.per) / quota.requests;
}

const DAY = 86_400_000;
/** How far ahead to search: 29 February may be eight years away (over 2100), and one on a Monday forty. Milliseconds. */
const HORIZON = 40 * 366 * DAY;

/** Hours of a day. An expression that names all of them runs by elapsed time when the clocks go back. */
const HOURS = 24;

/**
 * A five- or six-field cron expression in a time zone. node-cron parses and matches; the next time is found here,
 * because its own timers miss a local time that the clocks skip.
 *
 * As in crontab(5) and Kubernetes: when the day of the month and the day of the week are both restricted (neither
 * begins with `*` or `?`), either of them is enough. A local time that the clocks skip runs once, at the shift. One that
 * comes twice runs once, unless the expression names every hour: then it runs in both, as cron does, so that
 * `*\/5 * * * *` does not pause for an hour.
 */
export class Cron {
  /** A day runs when one of them matches it. */
  readonly #days: readonly ScheduledTask[];
  /** In ascending order. */
  readonly #times: Record<'hour' | 'minute' | 'second', readonly number[]>;
  readonly #zone: IANAZone;

  /** @throws Error that explains what is wrong with the expression or the zone */
  constructor(expression: string, timezone = 'UTC') {
    const { valid, errors } = validateDetailed(expression);
    if (!valid) throw new Error(errors.map(({ message }) => message).join('; '));
    this.#zone = IANAZone.create(timezone);
    if (!this.#zone.isValid) throw new Error(`no time zone is named ${timezone}`);
    const { hour, minute, second } = parse(expression);
    // node-cron keeps the written order of a list or of a range that wraps, such as `20,8` or `22-2`.
    this.#times = { hour: ascending(hour), minute: ascending(minute), second: ascending(second) };
    this.#days = dayExpressions(expression).map((each) => createTask(each, () => {}, { timezone: 'UTC' }));
  }

  /** The first due time after `after`, epoch ms; undefined if there is none within 40 years. */
  next(after: number): number | undefined {
    let due = this.#nextOf(after);
    while (due !== undefined && this.#isRepeated(due)) due = this.#nextOf(due);
    return due;
  }

  /** Whether the clocks went back over this local time after it had already run. */
  #isRepeated(instant: number): boolean {
    if (this.#times.hour.length === HOURS) return false;
    const before = this.#offset(instant - DAY);
    const earlier = instant + this.#offset(instant) - before;
    return earlier < instant && this.#offset(earlier) === before;
  }

  #nextOf(after: number): number | undefined {
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

  /** When the zone's offset changes next, or a year from now if it does not: until then local time is linear. */
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
    const first = new Date(at(day, hour[0] ?? 0, minute[0] ?? 0, second[0] ?? 0));
    return this.#days.some((task) => task.match(first));
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

function ascending(values: readonly number[]): readonly number[] {
  return values.toSorted((a, b) => a - b);
}

/** The expression, or two if both kinds of day are restricted: one for each kind. */
function dayExpressions(expression: string): readonly string[] {
  const fields = expression.trim().split(/\s+/);
  const [ofMonth = '*', month = '*', ofWeek = '*'] = fields.slice(-3);
  if ([ofMonth, ofWeek].some((field) => /^[*?]/.test(field))) return [expression];
  const times = fields.slice(0, -3);
  return [
    [...times, ofMonth, month, '*'],
    [...times, '*', month, ofWeek],
  ].map((each) => each.join(' '));
}

function at(day: number, hour: number, minute: number, second: number): number {
  return day + ((hour * 60 + minute) * 60 + second) * 1000;
}
