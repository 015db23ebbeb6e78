import type { Config, SourceConfig } from '../config/types.ts';
import type { Json } from '../core/json.ts';
import type { Schedule } from '../core/schedule.ts';
import type { Condition, DestinationReport, SourceReport, Trouble } from '../core/state.ts';
import type { DestinationGap } from '../journal/backlog.ts';
import type { GapState, JournalStats, JournalView, StreamState } from '../journal/journal.ts';
import type { LedgerSize } from '../journal/sqlite/ledger-store.ts';
import {
  destinationState,
  type DestinationState,
  knownSince,
  sourceState,
  type SourceState,
  staleForState,
  staleness,
} from './states.ts';

/** What of the journal says how things stand; a daemon's own, or a view beside it. */
export type StatusJournal = Pick<
  JournalView,
  | 'streams'
  | 'coverage'
  | 'gaps'
  | 'nextDue'
  | 'destinations'
  | 'waiting'
  | 'oldestWaiting'
  | 'deadLetterOutline'
  | 'destinationGaps'
  | 'stats'
>;

/** How a source stands, by the journal. Times are epoch milliseconds. */
export interface SourceStatus {
  readonly config: SourceConfig;
  readonly state: SourceState;
  /** By the readiness rule, whatever the state. */
  readonly stale: Trouble | undefined;
  /** Without those that the vendor or the file no longer has. */
  readonly streams: readonly StreamState[];
  /** Of the stream whose last complete sweep is the oldest, among those that ever were complete. */
  readonly lastComplete: number | undefined;
  readonly lastError: string | undefined;
  readonly nextDue: number | undefined;
  /** Requests that wait for the budget. */
  readonly deferred: number;
  readonly openGaps: number;
  /** What is known of the records sent, also of streams that are gone. */
  readonly ledger: LedgerSize;
  /** What is older was completely read, gaps apart, in each stream that covers time; the vendor's clock. */
  readonly readUpTo: number | undefined;
}

/** How a destination stands, by the journal. Times are epoch milliseconds. */
export interface DestinationStatus {
  readonly name: string;
  readonly state: DestinationState;
  /** Events that it still lacks. */
  readonly waiting: number;
  /** When the oldest of them was read. */
  readonly oldest: number | undefined;
  /** Why it is paused, and since when. */
  readonly paused: string | undefined;
  readonly since: number | undefined;
  readonly lastAnswer: string | undefined;
  readonly lastAnswerAt: number | undefined;
  readonly deadLetters: number;
  /** What it was not sent because its backlog was too large, oldest first. */
  readonly gaps: readonly DestinationGap[];
}

export interface Status {
  readonly sources: readonly SourceStatus[];
  readonly destinations: readonly DestinationStatus[];
  readonly journal: JournalStats;
  /** Events that some destination lacks: of the one that lacks most. */
  readonly undelivered: number;
  /** Dead letters, in all. */
  readonly rejected: number;
  /** Why the configuration that was read last is not used; undefined when it is. */
  readonly reloadFailed: Condition | undefined;
}

/** By what the states are computed, besides the journal. */
export interface StatusMoment {
  /** Epoch ms. */
  readonly now: number;
  readonly seen: Seen;
  readonly scheduleOf: (source: SourceConfig) => Schedule;
}

/** How everything of a configuration stands, by what is durable and what a process has seen. */
export async function readStatus(
  journal: StatusJournal,
  config: Config,
  moment: StatusMoment,
): Promise<Status> {
  const [streams, gaps] = [await journal.streams(), await journal.gaps()];
  const open = gaps.filter(({ closed }) => closed === undefined);
  const destinations = await ofDestinations(journal, config, moment);
  return {
    sources: await Promise.all(
      config.sources.map(async (source) =>
        withState(await ofSource(journal, source, { streams, open }), moment),
      ),
    ),
    destinations,
    journal: await journal.stats(),
    undelivered: Math.max(0, ...destinations.map(({ waiting }) => waiting)),
    rejected: destinations.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    reloadFailed: moment.seen.reloadFailed,
  };
}

interface Rows {
  readonly streams: readonly StreamState[];
  readonly open: readonly GapState[];
}

type Stateless = Omit<SourceStatus, 'state' | 'stale'>;

function withState(status: Stateless, { now, seen: all, scheduleOf }: StatusMoment): SourceStatus {
  const seen = all.source(status.config.name);
  const subject = { status, schedule: scheduleOf(status.config), seen, now };
  const { lastComplete, nextDue } = status;
  const state = sourceState({
    conditions: seen.conditions,
    stale: staleForState(subject),
    lastComplete,
    knownSince: knownSince(subject),
    nextDue,
    now,
  });
  return { ...status, state, stale: staleness(subject) };
}

async function ofSource(journal: StatusJournal, config: SourceConfig, rows: Rows): Promise<Stateless> {
  const streams = rows.streams.filter(({ source, orphaned }) => source === config.name && !orphaned);
  const keys = new Set(streams.map(({ key }) => key));
  const coverage = await Promise.all(streams.map(({ key }) => journal.coverage(key)));
  return {
    config,
    streams,
    lastComplete: earliest(streams.map(({ lastComplete }) => lastComplete)),
    lastError: streams.find(({ lastError }) => lastError !== undefined)?.lastError,
    nextDue: await journal.nextDue(config.name),
    deferred: streams.reduce((sum, { deferred }) => sum + deferred, 0),
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

async function ofDestinations(
  journal: StatusJournal,
  config: Config,
  { seen, now }: StatusMoment,
): Promise<DestinationStatus[]> {
  const known = await journal.destinations();
  const allGaps = await journal.destinationGaps();
  return Promise.all(
    config.destinations.map(async ({ name, sources }) => {
      const { paused, since, lastAnswer, lastAnswerAt } = known.find((one) => one.name === name) ?? {};
      const { unreachable, nextTry } = seen.destination(name);
      const deadLetters = await journal.deadLetterOutline(name);
      const gaps = allGaps.filter(({ destination }) => destination === name);
      const skipping = gaps.find(({ ended }) => ended === undefined);
      const pause = paused !== undefined && since !== undefined && { since, reason: paused, until: nextTry };
      return {
        name,
        state: destinationState({
          paused: pause || undefined,
          unreachable,
          deadLetters,
          skipped: skipping?.events ?? 0,
          now,
        }),
        waiting: await journal.waiting(name, sources),
        oldest: await journal.oldestWaiting(name, sources),
        paused,
        since,
        lastAnswer,
        lastAnswerAt,
        deadLetters: deadLetters.count,
        gaps,
      };
    }),
  );
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** What a process has seen: a daemon's own memory, or what it noted in the state for those beside it. */
export interface Seen {
  source(name: string): SourceReport;
  destination(name: string): DestinationReport;
  /** A configuration that was read again is not used. */
  readonly reloadFailed: Condition | undefined;
}

/** The subjects under which it is noted. */
export const SUBJECTS = {
  source: (name: string) => `source ${name}`,
  destination: (name: string) => `destination ${name}`,
  reload: 'reload',
} as const;

/** What was noted in the state. The rows are those that `noteSeen` wrote. */
export function storedSeen(rows: ReadonlyMap<string, Json>): Seen {
  return {
    source: (name) => (rows.get(SUBJECTS.source(name)) ?? { conditions: {} }) as unknown as SourceReport,
    destination: (name) => (rows.get(SUBJECTS.destination(name)) ?? {}) as DestinationReport,
    reloadFailed: rows.get(SUBJECTS.reload) as Condition | undefined,
  };
}
