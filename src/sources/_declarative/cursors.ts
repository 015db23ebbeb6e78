import * as z from 'zod';
import { ahead, instant, span } from '../_kit/clock.ts';

/** What of a definition names its streams and keys: kept with each stream, so that a change of it is noticed. */
export type Fingerprint = Readonly<Record<string, unknown>>;

const definition = z.record(z.string(), z.unknown());
const shared = { definition, ahead, moved: span.optional() };

/** The cursor of a window. Times are those of the vendor's clock. */
export const windowCursor = z.object({
  ...shared,
  /** Everything before this was read, or is a gap. */
  next: instant,
  /** Where the next poll begins, when the last one could not read all of the overlap. */
  resume: instant.optional(),
  /** The length of a slice, when those of the definition do not fit into a poll. Milliseconds. */
  slice: z.int().optional(),
  /** The most records in a page, when the vendor sends fewer than asked for. */
  cap: z.int().optional(),
  /** In descending order: up to `to` the slice is unread, and from there to `read` it was read. */
  pending: z.object({ to: instant, read: instant }).optional(),
});
export type WindowCursor = z.output<typeof windowCursor>;

/** The cursor where the vendor keeps the place. */
export const positionCursor = z.object({
  ...shared,
  position: z.unknown().optional(),
  /** The latest time of a committed record. */
  latest: instant.optional(),
  /** When everything was read last. */
  read: instant.optional(),
});
export type PositionCursor = Omit<z.output<typeof positionCursor>, 'position'> & {
  readonly position?: unknown;
};

/** The cursor of a list that is read whole. */
export const snapshotCursor = z.object({
  ...shared,
  /** When it was read whole last. */
  read: instant.optional(),
  /** Since when it could not be read whole. */
  partial: span.optional(),
});
export type SnapshotCursor = z.output<typeof snapshotCursor>;
