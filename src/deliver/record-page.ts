import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JournalPage, PageStore, Position } from '../journal/delivery.ts';
import { eachRecord } from '../otlp/decode.ts';

/** A page of the journal and its records, one by one. */
export interface RecordPage extends Omit<JournalPage, 'bytes' | 'count'> {
  /** LogRecords as they are stored, without tag and length. */
  readonly records: readonly Uint8Array[];
}

/** Reads the pages of a journal. Nothing of a record is decoded. */
export function pageReader(
  pages: Pick<PageStore, 'read'>,
): (position: Position) => Promise<RecordPage | undefined> {
  return async (position) => {
    // Reading a page does not wait for anything: a walk over many pages would hold up all other work.
    await nextTurn();
    const page = await pages.read(position);
    if (page === undefined) return undefined;
    const { bytes, count: _, ...head } = page;
    return { ...head, records: [...eachRecord(bytes)] };
  };
}
