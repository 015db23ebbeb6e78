import { hash } from 'node:crypto';
import { toJson } from '../core/json.ts';
import type { LedgerValue } from '../core/source.ts';
import type { StreamNames } from '../core/stream-key.ts';

/**
 * A hash of the parts as 40 hexadecimal digits (160 bits). Different lists of parts are different JSON, so they never
 * share a hash.
 */
export function digest(...parts: readonly unknown[]): string {
  return hash('sha256', toJson(parts)).slice(0, 40);
}

/**
 * Id of the first event of an entity, which is the only one in an append-only stream. Like all ids here it depends on
 * the stream and the record alone, never on the source's name, the poll or the time, so that a re-read makes the same
 * id.
 */
export function creationUid(stream: StreamNames, key: string): string {
  return digest('created', ...partsOf(stream), key);
}

/**
 * The parts of a stream's name for `digest`. An empty account is left out, so that ids of sources without one never
 * change.
 */
export function partsOf({ type, origin, account, scope }: StreamNames): readonly string[] {
  return account === '' ? [type, origin, scope] : [type, origin, account, scope];
}

/**
 * Id of an update. `changed` holds the new values of the fields that changed, and `previous` is the uid of the event
 * before it, so that A→B→A is three events.
 */
export function updateUid(
  stream: StreamNames,
  key: string,
  { changed, previous }: { readonly changed: LedgerValue; readonly previous: string },
): string {
  const entries = Object.entries(changed).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return digest('updated', ...partsOf(stream), key, entries, previous);
}

interface Count {
  readonly count: number;
  /** The count of the event before it: `count` − `base` is the delta. */
  readonly base: number;
  readonly final: boolean;
  /** The uid of the event before it, '' for the first: the counts 5, 7, 5, 7 are four events. */
  readonly previous: string;
}

/** Id of an event of a counter. */
export function countUid(stream: StreamNames, key: string, { count, base, final, previous }: Count): string {
  return digest('counted', ...partsOf(stream), key, count, base, final, previous);
}
