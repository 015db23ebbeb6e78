import { type Json, parseJson } from '../core/json.ts';
import type { Job, StoredJob } from './journal.ts';

/** Finished jobs are forgotten after this. Milliseconds. */
export const JOBS_KEPT_FOR = 7 * 24 * 60 * 60 * 1000;

/** A job as the tables hold it; `details`, `progress` and `outcome` are JSON. */
export interface JobRow {
  readonly id: number;
  readonly kind: Job['kind'];
  readonly source: string | null;
  readonly destination: string | null;
  readonly details: string;
  readonly created: number;
  readonly progress: string | null;
  readonly finished: number | null;
  readonly outcome: string | null;
}

export function toJob({
  source,
  destination,
  details,
  progress,
  finished,
  outcome,
  ...row
}: JobRow): StoredJob {
  return {
    ...row,
    source: source ?? undefined,
    destination: destination ?? undefined,
    details: parseJson(details) as Json,
    progress: progress === null ? undefined : parseJson(progress),
    finished: finished ?? undefined,
    outcome: outcome === null ? undefined : parseJson(outcome),
  };
}
