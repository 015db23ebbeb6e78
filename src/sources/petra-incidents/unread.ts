import type { Gap } from '../../core/source.ts';
import type { Cursor } from './cursor.ts';

/** `reason` of a gap: the tenant did not answer when its turn came. */
export const UNREAD = 'tenant-unavailable';
/** `reason` of a gap: a re-read does not reach back as far as updates are to be tracked. */
export const OUT_OF_REACH = 'updates-out-of-reach';

interface Closing {
  readonly state: Cursor;
  readonly gaps: readonly Gap[];
}

/** Closes the gap of a tenant that did not answer, when an answer reaches back to its start. */
export function closeUnread(state: Cursor, id: string, reach: number): Closing {
  const known = state.unread[id];
  if (known === undefined || reach > known.from) return { state, gaps: [] };
  const { [id]: _, ...unread } = state.unread;
  return { state: { ...state, unread }, gaps: [{ ...known, part: id, reason: UNREAD }] };
}

/** Closes the gap of a tenant whose updates were out of reach. */
export function closeOutOfReach(state: Cursor, id: string): Closing {
  const known = state.outOfReach[id];
  if (known === undefined) return { state, gaps: [] };
  const { [id]: _, ...outOfReach } = state.outOfReach;
  return { state: { ...state, outOfReach }, gaps: [{ ...known, part: id, reason: OUT_OF_REACH }] };
}
