import type { Json } from '../core/json.ts';

/** What a command asks of whoever holds the state. It outlives both, until it is finished. */
export interface LeftRequest {
  readonly kind: 'backfill' | 'replay' | 'retry' | 'rewind';
  /** What it is about, by name, where it is about one. */
  readonly source: string | undefined;
  readonly destination: string | undefined;
  /** Everything else that it says. */
  readonly details: Json;
}

/** A request as the journal holds it. Times are epoch milliseconds. */
export interface HeldRequest extends LeftRequest {
  readonly id: number;
  readonly created: number;
  /** How far it has come, as whoever carries it out noted last; undefined: nobody has begun. */
  readonly progress: unknown;
  /** Undefined while it is open. */
  readonly finished: number | undefined;
  /** What became of it, once it is finished. */
  readonly outcome: unknown;
}

/** What commands leave for the holder of the state, and what it tells of them. Needs no lock. */
export interface RequestJournal {
  /** Leaves a request and returns its id; an open one that asks for the same is joined instead. */
  leaveRequest(request: LeftRequest, now: number): Promise<number>;
  /** Those that are not finished, oldest first. */
  openRequests(): Promise<readonly HeldRequest[]>;
  request(id: number): Promise<HeldRequest | undefined>;
  noteProgress(id: number, progress: Json): Promise<void>;
  finishRequest(id: number, outcome: Json, now: number): Promise<void>;
}
