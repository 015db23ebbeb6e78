import type { Config, SourceConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import type { Http } from '../core/http.ts';
import type { Schedule } from '../core/schedule.ts';
import type { Condition, DestinationReport, Refusal, SourceReport, Trouble } from '../core/state.ts';
import type { Journal, JournalStats, Room } from '../journal/journal.ts';
import type { Subject } from '../journal/leases.ts';
import type { Histogram } from './counts.ts';
import type { Live } from './live.ts';
import {
  type DestinationStatus,
  readStatus,
  type Reports,
  type SourceStatus,
  type Status,
  type StatusJournal,
  storedReports,
} from './status.ts';
import type { DestinationWatch, SourceWatch } from './watches.ts';

/** What a snapshot reads of a running pipeline; the runtime's `App` is one. */
export interface Observed {
  readonly config: Config;
  readonly journal: StatusJournal & Pick<Journal, 'room' | 'states'>;
  readonly clock: Clock;
  readonly live: Live;
  readonly scheduleOf: (source: SourceConfig) => Schedule;
  /** Which sources and destinations this process works on. */
  readonly holds: { has(subject: Subject): boolean; readonly replica: ReplicaFigures | undefined };
  /** What it works on them with, while it does. */
  readonly units: {
    source(name: string): ObservedSource | undefined;
    destination(name: string): ObservedDestination | undefined;
  };
}

/** One of the processes that share a state, as it sees itself. */
export interface ReplicaFigures {
  readonly name: string;
  /** How many it holds now. */
  readonly held: Figures;
  /** How many other processes share the state. */
  readonly others: number;
  /** How often it took one, and lost one, since it started. */
  readonly takeovers: Figures;
  readonly lost: Figures;
}

type Figures = Readonly<Record<Subject['kind'], number>>;

interface ObservedSource {
  readonly context: {
    readonly config: SourceConfig;
    readonly http: Pick<Http, 'available'>;
    /** `now` is the vendor's clock, epoch ms. */
    readonly source: { now(): number };
    readonly circuit: { readonly refused: Refusal | undefined; readonly refusals: readonly Refusal[] };
  };
  readonly schedule: Schedule;
}

interface ObservedDestination {
  readonly delivery: { readonly report: DestinationReport };
}

/** What is known of a running pipeline at one moment: what is durable, and what this process has observed. */
export interface Snapshot extends Omit<Status, 'sources' | 'destinations' | 'journal'> {
  /** Epoch ms. */
  readonly at: number;
  readonly sources: readonly SourceSnapshot[];
  readonly destinations: readonly DestinationSnapshot[];
  /** Durations of commits of pages. */
  readonly commits: Histogram;
  /** Undefined when this process holds the whole state. */
  readonly replica: ReplicaFigures | undefined;
  readonly journal: JournalStats & { readonly room: Room; readonly troubles: readonly Trouble[] };
}

export interface SourceSnapshot extends SourceStatus {
  readonly watch: SourceWatch;
  readonly troubles: readonly Trouble[];
  /** Requests of the main route that its quota grants now; undefined without a quota. */
  readonly quotaRemaining: number | undefined;
  /** How far what was read completely is behind the vendor's clock, milliseconds; undefined before the first page. */
  readonly lag: number | undefined;
}

export interface DestinationSnapshot extends DestinationStatus {
  readonly watch: DestinationWatch;
  readonly troubles: readonly Trouble[];
}

/**
 * Everything in the configuration; of what other processes work on, what they reported last.
 * @throws StateError, JournalWriteError when the journal cannot be read.
 */
export function takeSnapshot(observed: Observed): Promise<Snapshot> {
  return snapshotOf(observed, observed.config);
}

/** As `takeSnapshot`, of the sources and destinations that this process works on. */
export function takeOwnSnapshot(observed: Observed): Promise<Snapshot> {
  const { config, holds } = observed;
  return snapshotOf(observed, {
    ...config,
    sources: config.sources.filter(({ name }) => holds.has({ kind: 'source', name })),
    destinations: config.destinations.filter(({ name }) => holds.has({ kind: 'destination', name })),
  });
}

async function snapshotOf(observed: Observed, config: Config): Promise<Snapshot> {
  const { journal, live, clock } = observed;
  const at = clock.now();
  const room = await journal.room(at);
  const reports = await allReports(observed, config, room);
  const status = await readStatus(journal, config, { now: at, reports, scheduleOf: observed.scheduleOf });
  return {
    ...status,
    at,
    sources: await Promise.all(status.sources.map((source) => ofSource(observed, source, reports))),
    destinations: status.destinations.map((destination) => ({
      ...destination,
      watch: live.destination(destination.name),
      troubles: destinationTroubles(destination),
    })),
    commits: live.commits,
    replica: observed.holds.replica,
    journal: { ...status.journal, room, troubles: journalTroubles(room, live.roomSince(room, at)) },
  };
}

/** What this process reports of what it works on, and of the rest what the state holds. */
async function allReports(
  observed: Observed,
  { sources, destinations }: Config,
  room: Room,
): Promise<Reports> {
  const { journal, units, clock, live } = observed;
  const own = ownReports(observed, room, clock.now());
  const areOwn =
    sources.every(({ name }) => units.source(name) !== undefined) &&
    destinations.every(({ name }) => units.destination(name) !== undefined);
  const stored = areOwn ? undefined : storedReports(await journal.states.all());
  return {
    source: (name) =>
      own.source(name) ?? { conditions: {}, since: live.source(name).since, ...stored?.source(name) },
    destination: (name) => own.destination(name) ?? stored?.destination(name) ?? {},
    reloadFailed: own.reloadFailed,
  };
}

async function ofSource(
  { live, units, scheduleOf }: Observed,
  status: SourceStatus,
  reports: Reports,
): Promise<SourceSnapshot> {
  const { config, stale, readUpTo } = status;
  const { name, definition, options } = config;
  const watch = live.source(name);
  const context = units.source(name)?.context;
  const { refused } = reports.source(name).conditions;
  const refusals = context?.circuit.refusals ?? (refused === undefined ? [] : [refused]);
  const [main] = definition.quotas(options);
  const available = await context?.http.available(main?.route ?? '*');
  const now = context?.source.now();
  return {
    ...status,
    watch,
    troubles: [
      ...(stale === undefined ? [] : [stale]),
      ...watch.troublesWithin(scheduleOf(config).interval, refusals),
    ],
    quotaRemaining: Number.isFinite(available) ? available : undefined,
    lag: readUpTo === undefined || now === undefined ? undefined : Math.max(0, now - readUpTo),
  };
}

const DESTINATION_REASONS = { paused: 'destination-paused', unreachable: 'destination-unreachable' } as const;

/** A destination that accepts records is no trouble, even if it holds dead letters. */
function destinationTroubles({ state }: DestinationStatus): readonly Trouble[] {
  const { name, since = 0, reason: detail = '' } = state;
  if (name !== 'paused' && name !== 'unreachable') return [];
  return [{ reason: DESTINATION_REASONS[name], since, detail }];
}

/** Why sources wait for the journal, in words. */
const OVERFLOWING: Readonly<Record<Exclude<Room, 'free'>, string>> = {
  full: 'The journal is at state.max_bytes: sources that can be read again later are not polled until it is delivered.',
  critical:
    'The journal is beyond state.max_bytes, or its disk is nearly full: no source is polled until it is delivered.',
};

function journalTroubles(room: Room, since: number): readonly Trouble[] {
  return room === 'free' ? [] : [{ reason: 'overflowing', since, detail: OVERFLOWING[room] }];
}

/** What this process reports of what it works on. */
export interface OwnReports extends Pick<Reports, 'reloadFailed'> {
  source(name: string): SourceReport | undefined;
  destination(name: string): DestinationReport | undefined;
}

/** What this process reports at `now` (epoch ms), while the journal has this room. */
export function ownReports({ live, units }: Observed, room: Room, now: number): OwnReports {
  const since = live.roomSince(room, now);
  return {
    source(name) {
      const source = units.source(name);
      return source && sourceReport(live, source, waiting(source, room, since));
    },
    destination: (name) => units.destination(name)?.delivery.report,
    reloadFailed: live.reloadFailed,
  };
}

function sourceReport(
  live: Live,
  { schedule, context }: ObservedSource,
  waits: Condition | undefined,
): SourceReport {
  const watch = live.source(context.config.name);
  const { refused } = context.circuit;
  return {
    conditions: {
      ...(refused !== undefined && { refused }),
      ...watch.conditions,
      ...(waits !== undefined && { waiting: waits }),
    },
    since: watch.since,
    // Reported only where the readiness rule depends on it, so that the state is not written after each poll.
    ...(watch.pollDuration > schedule.interval && { pollDuration: watch.pollDuration }),
  };
}

/** When the journal is full, sources that can be read again later wait; when it is critical, all do. */
function waiting({ context }: ObservedSource, room: Room, since: number): Condition | undefined {
  if (room === 'free' || (room === 'full' && !context.config.definition.canReread)) return undefined;
  return { since, reason: OVERFLOWING[room] };
}
