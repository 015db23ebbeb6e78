import type { Span } from '../core/source.ts';
import { uncovered } from '../core/span.ts';
import type { LedgerWrite } from './collection.ts';
import type { PageCommit } from './journal.ts';

/** What a page changes in the ledger of its stream. */
export interface LedgerChanges {
  /** Entries to write: what would be forgotten at once is not written first. */
  readonly kept: readonly LedgerWrite[];
  /** Spans whose entries are forgotten. The first begins at -Infinity, unless a kept span does. */
  readonly forgotten: readonly Span[];
}

/** See `PageCommit.ledger`, `forgetBefore` and `keep`. */
export function ledgerChanges({ ledger = [], forgetBefore, keep = [] }: PageCommit): LedgerChanges {
  const forgotten = forgetBefore === undefined ? [] : uncovered({ from: -Infinity, to: forgetBefore }, keep);
  const isForgotten = (at: number) => forgotten.some(({ from, to }) => from <= at && at < to);
  return { kept: ledger.filter(({ at }) => !isForgotten(at)), forgotten };
}

/**
 * The time by which a gap of a response that was too large closes although it is not covered: the stream is caught up to
 * there. -Infinity: by no time.
 */
export function caughtUpTo({ covered, complete, deferred = 0 }: PageCommit): number {
  return covered !== undefined && complete === true && deferred === 0 ? covered.to : -Infinity;
}
