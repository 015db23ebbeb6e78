import * as z from 'zod';
import type { Config, SourceConfig } from '../config/types.ts';
import type { Json } from '../core/json.ts';
import type { Schedule } from '../core/schedule.ts';
import type { Condition, DestinationReport, SourceReport, Trouble } from '../core/state.ts';
import type { DestinationGap } from '../journal/delivery.ts';
import type { GapState, LedgerSize, StreamState } from '../journal/collection.ts';
import type { JournalStats, JournalView } from '../journal/journal.ts';
import type { Replica } from '../journal/leases.ts';
import {
  destinationState,
  type DestinationState,
  knownSince,
  type Polled,
  sourceState,
  type SourceState,
  staleForState,
  staleness,
} from './states.ts';

/** The stores of the journal that the status is read from: a daemon's own, or a read-only view beside it. */
export type StatusJournal = Pick<
  JournalView,
  'streams' | 'coverage' | 'gaps' | 'sources' | 'destinations' | 'deadLetters' | 'stats' | 'replicas'
>;

/** The status of a source. Times are epoch milliseconds. */
export interface SourceStatus extends Polled {
  readonly state: SourceState;
  /** By the readiness rule, independent of the state. */
  readonly stale: Trouble | undefined;
  readonly nextDue: number | undefined;
  /** Requests that wait for the quota. */
  readonly deferred: number;
  /** Events that `shape.drop` matched, since the state knows the source. */
  readonly dropped: number;
  readonly openGaps: number;
  /** Known records, including those of streams that are gone. */
  readonly ledger: LedgerSize;
  /** Everything before this time was read, except gaps, in each stream that covers time; the vendor's clock. */
  readonly readUpTo: number | undefined;
  /** The replica that reads it; undefined: none does now, or the state is not shared. */
  readonly replica: string | undefined;
}

/** The status of a destination. Times are epoch milliseconds. */
export interface DestinationStatus {
  readonly name: string;
  readonly state: DestinationState;
  /** Queued events. */
  readonly waiting: number;
  /** When the oldest of them was read. */
  readonly oldest: number | undefined;
  /** Why it is paused, and since when. */
  readonly paused: string | undefined;
  readonly since: number | undefined;
  readonly lastResponse: string | undefined;
  readonly lastResponseAt: number | undefined;
  readonly deadLetters: number;
  /** Events that were skipped because its backlog was too large, oldest first. */
  readonly gaps: readonly DestinationGap[];
  /** The replica that sends to it; undefined: none does now, or the state is not shared. */
  readonly replica: string | undefined;
}

export interface Status {
  readonly sources: readonly SourceStatus[];
  readonly destinations: readonly DestinationStatus[];
  readonly journal: JournalStats;
  /** Queued events of the destination with the most. */
  readonly undelivered: number;
  /** All dead letters. */
  readonly rejected: number;
  /** Why the configuration that was read last is not used; undefined when it is. */
  readonly reloadFailed: Condition | undefined;
  /** Those that are alive, oldest first; undefined: the state is not shared. */
  readonly replicas: readonly Replica[] | undefined;
}

/** What the states depend on besides the journal. */
export interface StatusMoment {
  /** Epoch ms. */
  readonly now: number;
  readonly reports: Reports;
  readonly scheduleOf: (source: SourceConfig) => Schedule;
}

/** The status of everything in a configuration, from the journal and what a process reports. */
export async function readStatus(
  journal: StatusJournal,
  config: Config,
  moment: StatusMoment,
): Promise<Status> {
  const streams = Map.groupBy(await journal.streams.all(), ({ source }) => source);
  const open = (await journal.gaps.of()).filter(({ closed }) => closed === undefined);
  const gaps = Map.groupBy(open, ({ stream }) => stream);
  const replicas = config.state.place.kind === 'postgres' ? await journal.replicas() : undefined;
  const destinations = await ofDestinations(journal, config, {
    ...moment,
    holders: holdersOf(replicas, 'destinations'),
  });
  const holders = holdersOf(replicas, 'sources');
  const rowsOf = (name: string) => ({ streams: streams.get(name) ?? [], gaps, holders });
  return {
    sources: await Promise.all(
      config.sources.map(async (source) =>
        withState(await ofSource(journal, source, rowsOf(source.name)), moment),
      ),
    ),
    destinations,
    journal: await journal.stats(),
    undelivered: Math.max(0, ...destinations.map(({ waiting }) => waiting)),
    rejected: destinations.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
    reloadFailed: moment.reports.reloadFailed,
    replicas,
  };
}

/** What the journal holds, for the status of a source. */
interface StoredRows {
  readonly streams: readonly StreamState[];
  /** Those that are open, by stream. */
  readonly gaps: ReadonlyMap<string, readonly GapState[]>;
  readonly holders: Holders;
}

/** Names of replicas, by what they hold. */
type Holders = ReadonlyMap<string, string>;

function holdersOf(replicas: readonly Replica[] = [], kind: 'sources' | 'destinations'): Holders {
  return new Map(replicas.flatMap((replica) => replica[kind].map((name) => [name, replica.name] as const)));
}

type Stateless = Omit<SourceStatus, 'state' | 'stale'>;

function withState(status: Stateless, { now, reports, scheduleOf }: StatusMoment): SourceStatus {
  const report = reports.source(status.config.name);
  const subject = { status, schedule: scheduleOf(status.config), report, now };
  const { lastComplete, nextDue } = status;
  const state = sourceState({
    conditions: report.conditions,
    stale: staleForState(subject),
    lastComplete,
    knownSince: knownSince(subject),
    nextDue,
    now,
  });
  return { ...status, state, stale: staleness(subject) };
}

async function ofSource(journal: StatusJournal, config: SourceConfig, rows: StoredRows): Promise<Stateless> {
  const streams = rows.streams.filter(({ orphaned }) => !orphaned);
  return {
    config,
    streams,
    lastComplete: earliest(streams.map(({ lastComplete }) => lastComplete)),
    lastError: streams.find(({ lastError }) => lastError !== undefined)?.lastError,
    nextDue: await journal.sources.nextDue(config.name),
    deferred: streams.reduce((sum, { deferred }) => sum + deferred, 0),
    dropped: streams.reduce((sum, { dropped }) => sum + dropped, 0),
    ledger: ledgerOf(rows.streams),
    openGaps: streams.reduce((sum, { key }) => sum + (rows.gaps.get(key)?.length ?? 0), 0),
    readUpTo: earliest(streams.map(({ readUpTo }) => readUpTo)),
    replica: rows.holders.get(config.name),
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
  { reports, now, holders }: StatusMoment & { readonly holders: Holders },
): Promise<DestinationStatus[]> {
  const known = await journal.destinations.all();
  const allGaps = await journal.destinations.gaps();
  return Promise.all(
    config.destinations.map(async ({ name, sources }) => {
      const { paused, since, lastResponse, lastResponseAt } = known.find((one) => one.name === name) ?? {};
      const { unreachable, nextTry } = reports.destination(name);
      const deadLetters = await journal.deadLetters.outline(name);
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
        waiting: await journal.destinations.waiting(name, sources),
        oldest: await journal.destinations.oldestWaiting(name, sources),
        paused,
        since,
        lastResponse,
        lastResponseAt,
        deadLetters: deadLetters.count,
        gaps,
        replica: holders.get(name),
      };
    }),
  );
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** What a process reports: a running daemon from memory, others from what the daemon stored in the state. */
export interface Reports {
  source(name: string): SourceReport;
  destination(name: string): DestinationReport;
  /** Why the configuration that was read last is not used; undefined when it is. */
  readonly reloadFailed: Condition | undefined;
}

/** The keys under which reports are stored. */
export const SUBJECTS = {
  source: (name: string) => `source ${name}`,
  destination: (name: string) => `destination ${name}`,
  reload: 'reload',
} as const;

const CONDITION = z.object({ since: z.number(), reason: z.string(), until: z.number().optional() });
const SOURCE_REPORT = z.object({
  conditions: z.object({
    refused: CONDITION.extend({ misconfigured: z.boolean() }).optional(),
    waiting: CONDITION.optional(),
    throttled: CONDITION.extend({ by: z.enum(['budget', 'vendor']) }).optional(),
    failing: CONDITION.optional(),
  }),
  since: z.number().optional(),
  pollDuration: z.number().optional(),
});
const DESTINATION_REPORT = z.object({ unreachable: CONDITION.optional(), nextTry: z.number().optional() });

/** The reports in the state, by subject. One that another version wrote differently counts as none. */
export function storedReports(rows: ReadonlyMap<string, Json>): Reports {
  const read = <T>(schema: z.ZodType<T>, subject: string) => schema.safeParse(rows.get(subject)).data;
  return {
    source: (name) => read(SOURCE_REPORT, SUBJECTS.source(name)) ?? { conditions: {} },
    destination: (name) => read(DESTINATION_REPORT, SUBJECTS.destination(name)) ?? {},
    reloadFailed: read(CONDITION, SUBJECTS.reload),
  };
}
