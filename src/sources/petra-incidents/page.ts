import { z } from 'zod';
import type { Page } from '../../core/source.ts';
import { cursor, type Cursor, type StoredCursor } from './cursor.ts';
import type { Poll } from './list.ts';

/** Pages, and in the end the cursor that they lead to. */
export type Pages = AsyncGenerator<Page<StoredCursor>, Cursor>;

const DAY = 86_400_000;

/** A page that leads to `state`; complete when nothing is left that a full list did not show. */
export function pageOf(
  { options, now }: Poll,
  state: Cursor,
  added: Partial<Omit<Page<StoredCursor>, 'cursor'>>,
): Page<StoredCursor> {
  const complete = isCaughtUp(state);
  const { track_updates_for, initial_lookback, overlap } = options;
  // A clock that is set back leads as far back as `initial_lookback`, and updates are tracked from there.
  const kept = track_updates_for + initial_lookback + overlap + DAY;
  return {
    observations: [],
    deferred: complete ? 0 : 1,
    ...added,
    cursor: z.encode(cursor, state),
    complete,
    // By our clock too, lest a Date from the future makes it forget everything.
    forgetBefore: Math.min(oldestNeeded(state), now() - (state.ahead ?? 0)) - kept,
  };
}

function isCaughtUp({ walk, holes }: Cursor): boolean {
  return walk === undefined && holes.length === 0;
}

/** What is read again is known again: nothing that a later request may show is forgotten. */
function oldestNeeded({ since, walk, holes, unread }: Cursor): number {
  const spans = [...holes, ...(walk?.holes ?? []), ...Object.values(unread)];
  return Math.min(since, ...spans.map(({ from }) => from));
}
