import { parseJson } from '../core/json.ts';
import type { StreamIdentity, StreamState } from './collection.ts';
import { fromStored } from './stored-text.ts';

/** A stream as the tables hold it, with `key` and `scope` as they are stored, and its cursor in JSON. */
export interface StreamRow extends StreamIdentity {
  readonly key: string;
  readonly cursor: string | null;
  readonly ledger: number;
  readonly ledgerBytes: number;
  readonly knownSince: number | null;
  readonly asked: number | null;
  readonly lastComplete: number | null;
  readonly readUpTo: number | null;
  readonly lastError: string | null;
  readonly deferred: number;
  readonly dropped: number;
  /** SQLite has no booleans: 0 or 1. */
  readonly orphaned: boolean | number;
}

export function toStreamState(row: StreamRow): StreamState {
  return {
    ...row,
    key: fromStored(row.key),
    scope: fromStored(row.scope),
    knownSince: row.knownSince ?? undefined,
    asked: row.asked ?? undefined,
    cursor: row.cursor === null ? undefined : parseJson(row.cursor),
    lastComplete: row.lastComplete ?? undefined,
    readUpTo: row.readUpTo ?? undefined,
    lastError: row.lastError ?? undefined,
    orphaned: Boolean(row.orphaned),
  };
}
