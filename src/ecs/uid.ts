import { createHash } from 'node:crypto';
import { toJson } from '../core/json.ts';
import type { LedgerValue } from '../core/source.ts';

/** A stream as ids name it: never the instance, the poll, or its time, so that a re-read makes the same id. */
export interface UidScope {
  /** Source type. */
  readonly type: string;
  /** Normalised `base_url`: two consoles may hold the same row, and these are two events. */
  readonly origin: string;
  /** '' where nothing names it; then it is in no id. */
  readonly account: string;
  /** The vendor's canonical scope id. */
  readonly scope: string;
}

/** 160 bits as 40 hexadecimal digits, of the parts as a JSON array: no two lists of parts run together into one. */
export function digest(...parts: readonly unknown[]): string {
  return createHash('sha256').update(toJson(parts)).digest('hex').slice(0, 40);
}

/** Of the first telling of an entity, and of the only one in an append-only stream. */
export function creationUid(stream: UidScope, key: string): string {
  return digest('created', ...partsOf(stream), key);
}

/** The parts of a stream's name: one more with an account, so that no two streams have the same ones. */
export function partsOf({ type, origin, account, scope }: UidScope): readonly string[] {
  return account === '' ? [type, origin, scope] : [type, origin, account, scope];
}

/**
 * Of an update: `changed` holds the values that changed, as they are now, and `previous` is the uid of the telling
 * before it, so that A→B→A is three events.
 */
export function updateUid(
  stream: UidScope,
  key: string,
  { changed, previous }: { readonly changed: LedgerValue; readonly previous: string },
): string {
  const entries = Object.entries(changed).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return digest('updated', ...partsOf(stream), key, entries, previous);
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
export function countUid(stream: UidScope, key: string, { count, base, final, previous }: Count): string {
  return digest('counted', ...partsOf(stream), key, count, base, final, previous);
}
