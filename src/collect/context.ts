import type { Clock } from '../core/clock.ts';
import type { SourceConfig } from '../config/types.ts';
import type { SourceHttp } from '../http/client.ts';
import type { Journal } from '../journal/journal.ts';
import type { CommonOptions, SourceContext } from '../core/source.ts';
import type { Logger } from '../core/log.ts';
import type { PollResult } from './poll-stream.ts';
import type { Serial } from './serial.ts';
import type { SweepResult } from './sweep.ts';
import type { PollStats } from '../core/poll-stats.ts';

/** Is told what happens, for metrics and health. */
export interface CollectWatch {
  /** A poll ended. */
  poll(result: PollResult): void;
  /** A sweep ended after so many milliseconds. */
  sweep(result: SweepResult, duration: number): void;
  /** The loop moves; it rests for so many milliseconds, or (undefined) begins a sweep. */
  moves(rest?: number): void;
}

/** What a poll needs of the journal. */
export type PollJournal = Pick<
  Journal,
  | 'openStream'
  | 'streams'
  | 'ledger'
  | 'ledgerByPrefix'
  | 'ledgerSize'
  | 'forgetOldest'
  | 'commit'
  | 'coverage'
  | 'gaps'
  | 'recordPoll'
  | 'room'
>;

/** What polling one source needs. */
export interface PollContext {
  readonly config: SourceConfig;
  readonly journal: PollJournal;
  readonly http: SourceHttp;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts at a stop or a deadline. */
  readonly signal: AbortSignal;
  /** What the source is lent. */
  readonly run: SourceContext<CommonOptions>;
  /** Pages of one source are decided and committed one after another: the ledger must not change in between. */
  readonly commits: Serial;
  /** Told after each durable page, with what that page added: progress and metrics. */
  readonly onPage: (added: PollStats) => void;
  /** Told how long the commit of a page took, milliseconds. */
  readonly onCommit?: (duration: number) => void;
}

/** What collecting from one source needs; made once per source and process. */
export interface CollectContext extends PollContext {
  readonly journal: Journal;
  /** Live sweeps, and what must not happen during one. */
  readonly sweeps: Serial;
  readonly watch?: CollectWatch;
}
