import { z } from 'zod';
import type { Span } from '../../core/source.ts';

/** A UTC day, as the number of days since 1970-01-01. */
export type Day = number;

const LENGTH = 86_400_000;

export function dayOf(epochMs: number): Day {
  return Math.floor(epochMs / LENGTH);
}

export function spanOf(day: Day): Span {
  return { from: day * LENGTH, to: (day + 1) * LENGTH };
}

/** `2026-03-01` */
export function isoDay(day: Day): string {
  return new Date(day * LENGTH).toISOString().slice(0, 10);
}

/** The last day that has ended `settle` ago or longer. */
export function newestClosed(now: number, settle: number): Day {
  return dayOf(now - settle) - 1;
}

/** How many days a duration (ms) holds, begun ones too. */
export function daysIn(duration: number): number {
  return Math.ceil(duration / LENGTH);
}

/** A day in a cursor: `2026-03-01` in the state, for people, and a number in the code. */
export const day = z.codec(z.iso.date(), z.int(), {
  decode: (text) => dayOf(Date.parse(text)),
  encode: isoDay,
});
