import type { JournaledEvent } from '../core/event.ts';
import type { JournalPage, PageStore, Position } from '../journal/delivery.ts';
import { decodeRecord, eachRecord } from '../otlp/decode.ts';

/** A page of the journal whose records were decoded. */
export interface EventPage extends Omit<JournalPage, 'bytes' | 'count'> {
  readonly events: readonly JournaledEvent[];
  /** The records of these events as they are stored, for the dead letters among them. */
  readonly records: readonly Uint8Array[];
}

/** Reads pages of the journal and decodes their records. */
export function eventReader(
  pages: Pick<PageStore, 'read'>,
): (position: Position) => Promise<EventPage | undefined> {
  return async (position) => {
    const page = await pages.read(position);
    if (page === undefined) return undefined;
    const { bytes, count: _, ...head } = page;
    return withEvents(head, [...eachRecord(bytes)]);
  };
}

/** A page of these records. */
export function withEvents(
  head: Omit<EventPage, 'events' | 'records'>,
  records: readonly Uint8Array[],
): EventPage {
  return { ...head, records, events: records.map((record) => decodeRecord(record)) };
}
