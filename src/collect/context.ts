import type { Clock } from '../core/clock.ts';
import type { SourceConfig } from '../config/types.ts';
import type { SourceHttp } from '../http/client.ts';
import type { Journal } from '../journal/journal.ts';
import type { CommonOptions, SourceContext } from '../core/source.ts';
import type { Logger } from '../core/log.ts';
import type { Serial } from './serial.ts';
import type { CollectObserver } from '../core/poll-stats.ts';

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
  readonly observer?: CollectObserver;
}

/** What collecting from one source needs; made once per source and process. */
export interface CollectContext extends PollContext {
  readonly journal: Journal;
  /** Live sweeps, and what must not happen during one. */
  readonly sweeps: Serial;
}
