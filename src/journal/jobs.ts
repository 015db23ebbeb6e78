import type { Json } from '../core/json.ts';

/** Work that a command leaves for the process that holds the state. It outlives both until it is finished. */
export interface Job {
  readonly kind: 'backfill' | 'replay' | 'retry' | 'rewind';
  /** Names of the source or destination that it is about, where there is one. */
  readonly source: string | undefined;
  readonly destination: string | undefined;
  /** Everything else that the command asked for. */
  readonly details: Json;
}

/** A job as the journal holds it. Times are epoch milliseconds. */
export interface StoredJob extends Job {
  readonly id: number;
  readonly created: number;
  /** How far it has come, as whoever runs it last noted; undefined: it was not started. */
  readonly progress: unknown;
  /** Undefined while it is open. */
  readonly finished: number | undefined;
  /** Its result, once it is finished. */
  readonly outcome: unknown;
}

/** Needs no lock on the state: commands use it beside a daemon. */
export interface JobStore {
  /** Stores a job and returns its id. If an open job asks for the same, that one's id is returned instead. */
  enqueue(job: Job, now: number): Promise<number>;
  /** Those that are not finished, oldest first. */
  open(): Promise<readonly StoredJob[]>;
  find(id: number): Promise<StoredJob | undefined>;
  noteProgress(id: number, progress: Json): Promise<void>;
  finish(id: number, outcome: Json, now: number): Promise<void>;
}
