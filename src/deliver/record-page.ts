import { setImmediate as nextTurn } from 'node:timers/promises';
import { explain } from '../core/errors.ts';
import { digest } from '../ecs/uid.ts';
import type { JournalPage, PageStore, Position } from '../journal/delivery.ts';
import { eachRecord, timeOf } from '../otlp/decode.ts';
import { uidOf } from '../otlp/stored-record.ts';

/** A page of the journal and its records, one by one. */
export interface RecordPage extends Omit<JournalPage, 'bytes' | 'count' | 'committedAt'> {
  /** LogRecords as they are stored, without tag and length. */
  readonly records: readonly Uint8Array[];
  /**
   * The page was damaged in the state. `records[offset]` is all that follows the last record that can be read. It is never
   * before what is settled: there, nobody would read it.
   */
  readonly damaged?: { readonly offset: number; readonly reason: string } | undefined;
}

/** A page of records that the journal holds, and not a dead letter. */
export type JournaledRecords = RecordPage & Pick<JournalPage, 'committedAt'>;

/** Reads the pages of a journal. Nothing of a record is decoded. */
export function pageReader(
  pages: Pick<PageStore, 'read'>,
): (position: Position) => Promise<JournaledRecords | undefined> {
  return async (position) => {
    // Reading a page does not wait for anything: a walk over many pages would hold up all other work.
    await nextTurn();
    const page = await pages.read(position);
    if (page === undefined) return undefined;
    const { bytes, count, ...head } = page;
    const settled = page.sequence === position.sequence ? position.offset : 0;
    return { ...head, ...split({ bytes, count, settled }) };
  };
}

interface StoredPage extends Pick<JournalPage, 'bytes' | 'count'> {
  /** So many of its first records are settled. */
  readonly settled: number;
}

function split({ bytes, count, settled }: StoredPage): Pick<RecordPage, 'records' | 'damaged'> {
  const records: Uint8Array[] = [];
  let end = 0;
  try {
    for (const record of eachRecord(bytes)) {
      records.push(record);
      end = record.byteOffset + record.length - bytes.byteOffset;
    }
    if (records.length < count) throw new RangeError('It ends too early.');
    return { records };
  } catch (error) {
    const reason = `${count - records.length} of ${count} records of a stored page cannot be read: ${explain(error)}`;
    while (records.length < settled) records.push(new Uint8Array());
    return { records: [...records, bytes.subarray(end)], damaged: { offset: records.length, reason } };
  }
}

/** Control characters in the place of an id are what a damaged record left; PostgreSQL stores no NUL. */
const ID = /^\P{Cc}+$/u;

/**
 * The id of a stored record.
 * @throws RangeError when it has none in its place, so that it is no record
 */
export function requireId(stored: Uint8Array): string {
  const uid = uidOf(stored);
  if (!ID.test(uid)) throw new RangeError('The record has no id.');
  return uid;
}

/** As `requireId`; a record that cannot be read gets an id by its bytes, which stays the same when it is sent again. */
export function idOf({ stream, observedAt }: RecordPage, stored: Uint8Array): string {
  try {
    return requireId(stored);
  } catch {
    return digest('unreadable', stream, observedAt, Buffer.from(stored).toString('base64'));
  }
}

/** The event's own time, epoch ms; of a record that cannot be read, when its page was read. */
export function eventTimeOf({ observedAt }: RecordPage, stored: Uint8Array): number {
  try {
    return timeOf(stored);
  } catch {
    return observedAt;
  }
}
