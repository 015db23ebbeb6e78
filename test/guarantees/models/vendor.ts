import type { EcsEvent } from '../../../src/core/event.ts';
import type { Source } from '../../../src/core/source.ts';
import type { Simulator } from '../../../src/simulators/server.ts';
import type { GapState } from '../../../src/journal/collection.ts';
import type { PageCommit } from '../../../src/journal/journal.ts';
import type { Clocks } from './clocks.ts';

/** What Penstock has of a vendor. */
export interface Collected {
  /** Of the vendor's records, in order. */
  readonly events: readonly EcsEvent[];
  /** Those that are open: what is known to be missing. */
  readonly gaps: readonly GapState[];
}

/** What should have been collected, and was not; and the other way around. In words. */
export interface Verdict {
  readonly lost: readonly string[];
  readonly asNew: readonly string[];
}

/** The model: what a vendor has and has shown. */
export interface Vendor extends AsyncDisposable {
  readonly simulator: Simulator;
  readonly clocks: Clocks;
  /** The source that reads it, and its options without URL. */
  readonly source: Source;
  readonly config: Readonly<Record<string, unknown>>;
  /** Records appear that are dated `ago` ms before now; those of one `kind` are alike. */
  appear(records: { readonly ago: number; readonly count: number; readonly kind: number }): void;
  /** A record changes; which one, of all in order, modulo their number. Absent: none ever does. */
  change?(which: number): void;
  /** A record disappears. */
  remove?(which: number): void;
  /** A page became durable. */
  committed?(page: PageCommit): void;
  /** All that fails is well again. */
  heal?(): void;
  /** How long to wait before each of the polls that end a history, ms: what is then not collected is lost. */
  readonly rest: readonly number[];
  judge(collected: Collected): Verdict;
}
