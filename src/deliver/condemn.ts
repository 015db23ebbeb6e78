import type { DeadLetter } from '../journal/dead-letter.ts';
import type { Item } from './batch.ts';

/** Why an event does not go out any more; undefined while it may. Times are epoch milliseconds. */
export function ageReason(at: number, now: number, maxEventAge: number | undefined): string | undefined {
  if (maxEventAge === undefined || now - at <= maxEventAge) return undefined;
  return `older than max_event_age: ${Math.round((now - at) / 1000)} s old, at most ${maxEventAge / 1000} s`;
}

/** Why an event cannot go out at all. */
export function sizeReason(bytes: number, most: number): string {
  return `larger than max_request_bytes: ${bytes} bytes alone, at most ${most}`;
}

/** The dead letter of an item: the event, whole, and why it lies there. */
export function condemn(item: Item, status: number | undefined, reason: string, now: number): DeadLetter {
  return {
    stream: item.page.stream,
    dataset: item.page.dataset,
    lane: item.page.lane,
    observedAt: item.page.observedAt,
    uid: item.journaled.uid,
    event: item.journaled.event,
    status,
    reason,
    at: now,
  };
}
