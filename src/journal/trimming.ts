import type { Position } from './delivery.ts';

/** A page that may be removed, without its records. */
export interface Candidate {
  readonly sequence: number;
  /** Records. */
  readonly count: number;
  readonly bytes: number;
  readonly committedAt: number;
}

/** Until when pages are kept, and how much one transaction removes. */
export interface TrimLimits {
  /** What every destination has passed. */
  readonly slowest: Position;
  /** Pages that were committed later are kept; epoch milliseconds. */
  readonly committedBy: number;
  /** Of one batch, which has at least one page. */
  readonly bytes: number;
}

/** What to remove of the oldest pages. */
export interface TrimBatch {
  /** The newest page to remove; undefined when none may be removed. */
  readonly last: number | undefined;
  /** Whether there may be more to remove after them. */
  readonly more: boolean;
}

/** What one transaction removes of these pages, which are the oldest. */
export function trimBatch(oldest: readonly Candidate[], limits: TrimLimits): TrimBatch {
  const { slowest, committedBy, bytes } = limits;
  const keep = oldest.findIndex((page) => !passed(page, slowest) || page.committedAt > committedBy);
  const removable = keep === -1 ? oldest : oldest.slice(0, keep);
  const batch = removable.slice(0, countWithin(removable, bytes));
  const last = batch.at(-1)?.sequence;
  return { last, more: last !== undefined && (keep === -1 || batch.length < removable.length) };
}

/** How many of these pages, from the first on, take no more than so many bytes; at least one. */
function countWithin(pages: readonly Candidate[], most: number): number {
  let bytes = 0;
  const beyond = pages.findIndex((page) => (bytes += page.bytes) > most);
  return beyond === -1 ? pages.length : Math.max(1, beyond);
}

function passed({ sequence, count }: Candidate, position: Position): boolean {
  return sequence < position.sequence || (sequence === position.sequence && count <= position.offset);
}

/** Sources that cannot be read again may exceed the cap (`state.max_bytes`) by this factor. */
export const CRITICAL = 1.25;
