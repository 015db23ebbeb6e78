import { Duration } from 'luxon';
import type { Random } from './clock.ts';
import { Cron } from './cron.ts';
import type { CommonOptions, Source } from './source.ts';

/** When a source is due. */
export interface Schedule {
  /** The first due time after `after`, epoch ms. */
  next(after: number): number;
  /** The longest time between two due times that is normal, ms: for staleness, and for judging a stored due time. */
  readonly interval: number;
}

/** A plain interval is spread by this share, so that many pollers do not fall into step. */
const JITTER = 0.05;

const UNITS = { s: 'seconds', m: 'minutes', h: 'hours', d: 'days' } as const;

/**
 * A schedule as the configuration writes it: `every 5m` (with jitter), or five- or six-field cron in `timezone`.
 * Throws an `Error` in words when it is neither.
 */
export function parseSchedule(text: string, timezone: string, random: Random): Schedule {
  const every = /^every\s+(\d+)\s*([smhd])$/.exec(text.trim());
  if (every === null) return cronSchedule(text, timezone);
  const interval = Duration.fromObject({
    [UNITS[every[2] as keyof typeof UNITS]]: Number(every[1]),
  }).toMillis();
  if (interval === 0) throw new Error('an interval must be longer than nothing');
  return {
    next: (after) => after + Math.round(interval * (1 - JITTER + 2 * JITTER * random())),
    interval: interval * (1 + JITTER),
  };
}

function cronSchedule(expression: string, timezone: string): Schedule {
  const cron = new Cron(expression, timezone);
  const never = new Error(`${expression} never comes`);
  const next = (after: number) => {
    const due = cron.next(after);
    if (due === undefined) throw never;
    return due;
  };
  return { next, interval: longest(next) };
}

/** The longest pause among the next due times; from a fixed instant, so that it is the same at every start. */
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

/** How long a poll takes when each of so many streams costs one request of the main route's quota. Milliseconds. */
export function predictedPoll(
  { definition, options }: { readonly definition: Source; readonly options: CommonOptions },
  streams: number,
): number {
  const quota = options.quota ?? definition.quotas(options)[0];
  return quota === undefined ? 0 : (streams * quota.per) / quota.requests;
}
