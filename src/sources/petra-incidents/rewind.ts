import type { Cursor } from './cursor.ts';

/** The next list is asked for from `to` on; what it does not reach is walked tenant by tenant, as after a long absence. */
export function rewind(cursor: Cursor, to: number): Cursor {
  return { ...cursor, since: Math.min(cursor.since, to) };
}
