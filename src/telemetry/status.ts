import type { Config, SourceConfig } from '../config/types.ts';
import type { LedgerSize } from '../journal/ledger-store.ts';
import type { GapState, JournalStats, JournalView, StreamState } from '../journal/journal.ts';

/** What of the journal says how things stand; a daemon's own, or a view beside it. */
export type StatusJournal = Pick<
  JournalView,
  'streams' | 'coverage' | 'gaps' | 'nextDue' | 'destinations' | 'waiting' | 'deadLetterCount' | 'stats'
>;

/** How a source stands, by the journal. Times are epoch milliseconds. */
export interface SourceStatus {
  readonly config: SourceConfig;
  /** Without those that the vendor or the file no longer has. */
  readonly streams: readonly StreamState[];
  /** Of the stream whose last complete sweep is the oldest, among those that ever were complete. */
  readonly lastComplete: number | undefined;
  readonly lastError: string | undefined;
  readonly nextDue: number | undefined;
  /** Requests that wait for the budget. */
  readonly owed: number;
  readonly openGaps: number;
  /** What is known of the records sent, also of streams that are gone. */
  readonly ledger: LedgerSize;
  /** What is older was completely read, gaps apart, in each stream that covers time; the vendor's clock. */
  readonly readUpTo: number | undefined;
}

/** How a destination stands, by the journal. Times are epoch milliseconds. */
export interface DestinationStatus {
  readonly name: string;
  /** Events that it still lacks. */
  readonly waiting: number;
  /** Why it is paused, and since when. */
  readonly paused: string | undefined;
  readonly since: number | undefined;
  readonly lastAnswer: string | undefined;
  readonly lastAnswerAt: number | undefined;
  readonly deadLetters: number;
}

export interface Status {
  readonly sources: readonly SourceStatus[];
  readonly destinations: readonly DestinationStatus[];
  readonly journal: JournalStats;
}

/** How everything of a configuration stands, by what is durable. */
export async function readStatus(journal: StatusJournal, config: Config): Promise<Status> {
  const [streams, gaps] = [await journal.streams(), await journal.gaps()];
  const open = gaps.filter(({ closed }) => closed === undefined);
  return {
    sources: await Promise.all(config.sources.map((source) => ofSource(journal, source, { streams, open }))),
    destinations: await ofDestinations(journal, config),
    journal: await journal.stats(),
  };
}

interface Rows {
  readonly streams: readonly StreamState[];
  readonly open: readonly GapState[];
}

async function ofSource(journal: StatusJournal, config: SourceConfig, rows: Rows): Promise<SourceStatus> {
  const streams = rows.streams.filter(({ source, orphaned }) => source === config.name && !orphaned);
  const keys = new Set(streams.map(({ key }) => key));
  const coverage = await Promise.all(streams.map(({ key }) => journal.coverage(key)));
  return {
    config,
    streams,
    lastComplete: earliest(streams.map(({ lastComplete }) => lastComplete)),
    lastError: streams.find(({ lastError }) => lastError !== undefined)?.lastError,
    nextDue: await journal.nextDue(config.name),
    owed: streams.reduce((sum, { owed }) => sum + owed, 0),
    ledger: ledgerOf(rows.streams.filter(({ source }) => source === config.name)),
    openGaps: rows.open.filter(({ stream }) => keys.has(stream)).length,
    readUpTo: earliest(coverage.map((spans) => spans.at(-1)?.to)),
  };
}

function ledgerOf(streams: readonly StreamState[]): LedgerSize {
  return {
    entries: streams.reduce((sum, { ledger }) => sum + ledger, 0),
    bytes: streams.reduce((sum, { ledgerBytes }) => sum + ledgerBytes, 0),
  };
}

async function ofDestinations(journal: StatusJournal, config: Config): Promise<DestinationStatus[]> {
  const known = await journal.destinations();
  return Promise.all(
    config.destinations.map(async ({ name, sources }) => {
      const state = known.find((one) => one.name === name);
      return {
        name,
        waiting: await journal.waiting(name, sources),
        paused: state?.paused,
        since: state?.since,
        lastAnswer: state?.lastAnswer,
        lastAnswerAt: state?.lastAnswerAt,
        deadLetters: await journal.deadLetterCount(name),
      };
    }),
  );
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
