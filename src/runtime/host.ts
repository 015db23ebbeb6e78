import type { Config } from '../config/types.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { PollStats, ResponseReport } from '../core/observers.ts';
import type { Logger } from '../core/log.ts';
import type { CommonOptions, SourceContext } from '../core/source.ts';
import type { SourceHttp } from '../http/client.ts';
import type { Journal } from '../journal/journal.ts';
import type { Live } from '../observe/live.ts';
import type { Sender } from '../otlp/sender.ts';

/** What the process gives the runtime. A test gives its own clock, randomness, environment and signals. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  /** When the process started, epoch ms: deadlines count from it. */
  readonly startedAt: number;
  /** Aborts at SIGTERM or SIGINT, and when nobody reads stdout any more. */
  readonly stop: AbortSignal;
  /** How many writes to stderr failed, where that can be known. */
  readonly lostLogLines?: () => number;
  /** Calls the listener at each SIGHUP, which ends the process while nobody listens. Disposing stops listening. */
  readonly onReload?: (listener: () => void) => Disposable;
  /** Wraps what the app makes, for a test that watches or kills it at an exact step. */
  readonly instrument?: {
    readonly journal?: (journal: Journal) => Journal;
    readonly http?: (http: SourceHttp) => SourceHttp;
    readonly sender?: (sender: Sender) => Sender;
  };
}

/** What the pipeline of one configuration is made of. */
export interface AppParts extends Pick<Host, 'env' | 'clock' | 'random' | 'instrument'> {
  readonly config: Config;
  readonly log: Logger;
  readonly mode: SourceContext<CommonOptions>['mode'];
  /** The command of this process, for others that want the state. Default: its mode. */
  readonly command?: string;
  /** Ends collecting: a stop or a deadline. */
  readonly collecting: AbortSignal;
  /** Ends delivering. */
  readonly delivering: AbortSignal;
  /** How long a database that does not answer is tried again, milliseconds. Default: as `Patience`; a daemon waits by itself. */
  readonly patience?: number | undefined;
  /** Called with what each durable page of a source added. */
  readonly onPage?: (source: string, added: PollStats) => void;
  /** Called with each response of a destination. */
  readonly onResponse?: (report: ResponseReport) => void;
  /** What this process has observed so far; kept over a reload. Default: nothing. */
  readonly live?: Live;
}
