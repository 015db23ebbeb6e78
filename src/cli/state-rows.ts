import type { Config } from '../config/types.ts';
import { isoTime } from '../ecs/time.ts';
import type { JournalView, StreamState } from '../journal/journal.ts';

/** A stream as `state list` tells it. */
export function streamRow(
  { source, type, key, cursor, ledger, lastComplete, lastError }: StreamState,
  nextDue: number | undefined,
) {
  return {
    source,
    type,
    stream: key,
    cursor: cursor ?? null,
    ledger,
    last_complete: timeOrNull(lastComplete),
    last_error: lastError ?? null,
    next_due: timeOrNull(nextDue),
  };
}

/** A destination as `state list` tells it: `waiting` events of those that it takes. */
export async function destinationRows(view: Pick<JournalView, 'destinations' | 'waiting'>, config: Config) {
  const known = await view.destinations();
  return Promise.all(
    known.map(async ({ name, position, paused }) => ({
      destination: name,
      position,
      waiting: await view.waiting(name, config.destinations.find((one) => one.name === name)?.sources),
      paused: paused !== undefined,
      reason: paused ?? null,
    })),
  );
}

/** ISO 8601 in UTC, or null for what has not happened. */
export function timeOrNull(time: number | undefined): string | null {
  return time === undefined ? null : isoTime(time);
}

/** The scope of a stream's key, as people read it. */
export function scopeOf(key: string): string {
  return key.split('|').slice(2).join('|');
}
