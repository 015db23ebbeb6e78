import { type Json, parseJson, toJson } from '../core/json.ts';
import type { LedgerValue, Span } from '../core/source.ts';
import { streamKey } from '../core/stream-key.ts';
import { hashedKey, isHashed, keyText, ledgerKey } from './ledger-key.ts';
import type { LedgerRow } from './ledger-rules.ts';
import type { ExportedStream } from './state-document.ts';
import { fromStored, toStored } from './stored-text.ts';

/*
 * A stream in a state document, and the same stream as the rows of a database hold it: vendors' texts escaped, values as
 * JSON. Every database reads and writes these rows, so that a state moves between them.
 */

type ExportedEntry = ExportedStream['ledger'][number];
type ExportedGap = ExportedStream['gaps'][number];

/** What moves of a row of the table `stream`. */
export interface StoredStream extends Omit<ExportedStream, 'cursor' | 'ledger' | 'coverage' | 'gaps'> {
  readonly cursor: string | null;
}

/** A row of the table `ledger`. */
export interface StoredEntry extends LedgerRow {
  readonly at: number;
}

/** The rows of a stream: its own, and those of the other tables, in order. */
export interface StreamRows {
  readonly stream: StoredStream;
  readonly ledger: readonly StoredEntry[];
  readonly coverage: readonly Span[];
  readonly gaps: readonly ExportedGap[];
}

export function toExported({ stream, ledger, coverage, gaps }: StreamRows): ExportedStream {
  return {
    ...stream,
    scope: fromStored(stream.scope),
    cursor: stream.cursor === null ? null : (parseJson(stream.cursor) as Json),
    ledger: ledger.map(toExportedEntry),
    coverage: coverage.map(({ from, to }) => ({ from, to })),
    gaps: gaps.map((gap) => ({ ...gap, part: fromStored(gap.part) })),
  };
}

/** Reverses `toExported`; with the stream's key as its row holds it. */
export function fromExported(exported: ExportedStream): StreamRows & { readonly key: string } {
  const { cursor, ledger, coverage, gaps, ...stream } = exported;
  return {
    key: toStored(streamKey(stream)),
    stream: { ...stream, scope: toStored(stream.scope), cursor: cursor === null ? null : toJson(cursor) },
    ledger: ledger.map(fromExportedEntry),
    coverage,
    gaps: gaps.map((gap) => ({ ...gap, part: toStored(gap.part) })),
  };
}

function toExportedEntry({ key, rest, at, uid, value }: StoredEntry): ExportedEntry {
  const stored = { key, rest };
  return {
    key: keyText(stored),
    ...(isHashed(stored) && { hashed: true }),
    at,
    uid,
    value: parseJson(value) as LedgerValue,
  };
}

function fromExportedEntry({ key, hashed, at, uid, value }: ExportedEntry): StoredEntry {
  const stored = hashed === true ? hashedKey(key) : ledgerKey(key);
  return { ...stored, at, uid, value: toJson(value) };
}
