import type { BacklogLimit } from '../../config/types.ts';
import type { BacklogJournal, DestinationGap, Skip } from '../backlog.ts';
import type { Position } from '../journal.ts';
import { StoredNotes } from './stored-notes.ts';

/** No backlog that has a limit may take more of `state.max_bytes`, so that there is room for the next pages. */
const SHARE = 0.75;

/** What destinations that accept nothing are not sent. */
export abstract class StoredBacklogs extends StoredNotes implements BacklogJournal {
  /** `state.max_bytes`. */
  protected abstract readonly maxBytes: number;

  backlogBeyond(
    destination: string,
    limit: BacklogLimit,
    now: number,
    sources?: readonly string[],
  ): Promise<Position | undefined> {
    const cap = this.maxBytes * SHARE;
    return this.withStores((stores) => stores.backlogBeyond(destination, { ...limit, cap }, now, sources));
  }

  skip(destination: string, skip: Skip, now: number): Promise<boolean> {
    return this.withStores((stores) => stores.skip(destination, skip, now));
  }

  endGap(destination: string, now: number): Promise<void> {
    return this.withStores(({ destinationGaps }) => destinationGaps.end(destination, now));
  }

  destinationGaps(): Promise<readonly DestinationGap[]> {
    return this.withStores(({ destinationGaps }) => destinationGaps.all());
  }
}
