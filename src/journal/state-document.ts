import * as z from 'zod';
import type { Json } from '../core/json.ts';

const FORMAT = 'penstock-state';
const VERSION = 1;

const time = z.int();
const span = z.object({ from: time, to: time });

/** Anything that `parseJson` makes, integers beyond 2^53 as BigInt. */
const json = z.custom<Json>((value) => value !== undefined, 'expected a JSON value');

const stream = z.object({
  source: z.string().min(1),
  type: z.string().min(1),
  origin: z.string().min(1),
  account: z.string().default(''),
  scope: z.string(),
  cursor_version: z.int(),
  cursor: json,
  last_complete: time.nullable(),
  owed: z.int(),
  dropped: z.int().default(0),
  orphaned: z.boolean(),
  ledger: z.array(
    z.object({
      key: z.string(),
      /** The key is the beginning and the hash of a long one. */
      hashed: z.boolean().optional(),
      at: time,
      uid: z.string(),
      value: z.record(z.string(), json),
    }),
  ),
  coverage: z.array(span),
  gaps: z.array(
    z.object({
      part: z.string(),
      reason: z.string(),
      from: time,
      to: time,
      opened: time,
      closed: time.nullable(),
      /** 0: no event was sent about it yet. */
      told: z.int().default(1),
    }),
  ),
});

/**
 * What moves to another machine or database: cursors, ledgers, coverage and gaps. No quotas, no positions, no undelivered
 * events, and no secret. Times are epoch milliseconds.
 */
export const StateDocument = z.object({
  format: z.literal(FORMAT, `expected a document of penstock state export (format: ${FORMAT})`),
  version: z.literal(VERSION, `expected version ${VERSION}; other versions belong to other releases`),
  exported: time,
  streams: z.array(stream),
});

export type StateDocument = z.output<typeof StateDocument>;
export type ExportedStream = StateDocument['streams'][number];

/** A document of these streams, made at that time (epoch ms). */
export function stateDocument(streams: readonly ExportedStream[], exported: number): StateDocument {
  return { format: FORMAT, version: VERSION, exported, streams: [...streams] };
}

/** How much was forgotten of a source. */
export interface Forgotten {
  readonly streams: number;
  readonly ledger: number;
}
