import type { Json } from '../../core/json.ts';
import type { HeldRequest, LeftRequest, RequestJournal } from '../request.ts';
import type { SeenJournal } from './seen-store.ts';
import type { Stores } from './stores.ts';

/** What the commands and whoever holds the state leave for each other. */
export abstract class StoredNotes implements RequestJournal, SeenJournal {
  protected abstract withStores<T>(work: (stores: Stores) => T): Promise<T>;

  leaveRequest(request: LeftRequest, now: number): Promise<number> {
    return this.withStores(({ requests }) => requests.leave(request, now));
  }

  openRequests(): Promise<readonly HeldRequest[]> {
    return this.withStores(({ requests }) => requests.open());
  }

  request(id: number): Promise<HeldRequest | undefined> {
    return this.withStores(({ requests }) => requests.find(id));
  }

  noteProgress(id: number, progress: Json): Promise<void> {
    return this.withStores(({ requests }) => requests.note(id, progress));
  }

  finishRequest(id: number, outcome: Json, now: number): Promise<void> {
    return this.withStores(({ requests }) => requests.finish(id, outcome, now));
  }

  noteSeen(changes: ReadonlyMap<string, Json | undefined>): Promise<void> {
    return this.withStores(({ seen }) => seen.note(changes));
  }

  seen(): Promise<ReadonlyMap<string, Json>> {
    return this.withStores(({ seen }) => seen.all());
  }
}
