import { createHash } from 'node:crypto';
import { toJson } from '../json.ts';
import type { LedgerValue } from '../source.ts';

/** A stream as ids name it: never the instance, the poll, or its time, so that a re-read makes the same id. */
export interface UidScope {
  /** Source type. */
  readonly type: string;
  /** Normalised `base_url`: two consoles may hold the same row, and these are two events. */
  readonly origin: string;
  /** The vendor's canonical scope id. */
  readonly scope: string;
}

/** 160 bits as 40 hexadecimal digits, of the parts as a JSON array: no two lists of parts run together into one. */
export function digest(...parts: readonly unknown[]): string {
  return createHash('sha256').update(toJson(parts)).digest('hex').slice(0, 40);
}

/** Of the first telling of an entity, and of the only one in an append-only stream. */
export function creationUid({ type, origin, scope }: UidScope, key: string): string {
  return digest('created', type, origin, scope, key);
}

/**
 * Of an update: `changed` holds the values that changed, as they are now, and `previous` is the uid of the telling
 * before it, so that A→B→A is three events.
 */
export function updateUid(
  { type, origin, scope }: UidScope,
  key: string,
  { changed, previous }: { readonly changed: LedgerValue; readonly previous: string },
): string {
  const entries = Object.entries(changed).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return digest('updated', type, origin, scope, key, entries, previous);
}

interface Count {
  readonly count: number;
  /** What had been told before: `count` − `base` is the delta. */
  readonly base: number;
  readonly final: boolean;
  /** The uid of the telling before it, '' for the first: a count that goes 5, 7, 5, 7 is four events. */
  readonly previous: string;
}

/** Of a counter's telling. */
export function countUid(
  { type, origin, scope }: UidScope,
  key: string,
  { count, base, final, previous }: Count,
): string {
  return digest('counted', type, origin, scope, key, count, base, final, previous);
}
