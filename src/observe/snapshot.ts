import type { Config, DestinationConfig, SourceConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import type { Http } from '../core/http.ts';
import type { Schedule } from '../core/schedule.ts';
import type { Condition, DestinationReport, Refusal, SourceReport, Trouble } from '../core/state.ts';
import type { Journal, JournalStats, Room } from '../journal/journal.ts';
import type { Histogram } from './counts.ts';
import type { Live } from './live.ts';
import {
  type DestinationStatus,
  readStatus,
  type Reports,
  type SourceStatus,
  type Status,
  type StatusJournal,
} from './status.ts';
import type { DestinationWatch, SourceWatch } from './watches.ts';

/** What a snapshot reads of a running pipeline; the runtime's `App` is one. */
export interface Observed {
  readonly config: Config;
  readonly journal: StatusJournal & Pick<Journal, 'room'>;
  readonly clock: Clock;
  readonly live: Live;
  /** In the order of `config.sources`. */
  readonly sources: readonly ObservedSource[];
  /** In the order of `config.destinations`. */
  readonly deliveries: readonly ObservedDelivery[];
}

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

interface ObservedDelivery {
  readonly destination: DestinationConfig;
  readonly report: DestinationReport;
}

/** Everything about a running pipeline at one moment: what is durable, and what this process has observed. */
export interface Snapshot extends Omit<Status, 'sources' | 'destinations' | 'journal'> {
  /** Epoch ms. */
  readonly at: number;
  readonly sources: readonly SourceSnapshot[];
  readonly destinations: readonly DestinationSnapshot[];
  /** Durations of commits of pages. */
  readonly commits: Histogram;
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

/** @throws StateError, JournalWriteError when the journal cannot be read. */
export async function takeSnapshot(observed: Observed): Promise<Snapshot> {
  const { journal, live, config, clock } = observed;
  const at = clock.now();
  const room = await journal.room(at);
  const status = await readStatus(journal, config, {
    now: at,
    reports: currentReports(observed, room, at),
    scheduleOf: ({ name }) => opened(observed, name).schedule,
  });
  return {
    ...status,
    at,
    sources: await Promise.all(
      status.sources.map((source) => ofSource(observed, source, opened(observed, source.config.name))),
    ),
    destinations: status.destinations.map((destination) => ({
      ...destination,
      watch: live.destination(destination.name),
      troubles: destinationTroubles(destination),
    })),
    commits: live.commits,
    journal: { ...status.journal, room, troubles: journalTroubles(room, live.roomSince(room, at)) },
  };
}

function opened({ sources }: Observed, name: string): ObservedSource {
  const source = sources.find(({ context }) => context.config.name === name);
  if (source === undefined) throw new Error(`Source ${name} was never opened.`);
  return source;
}

async function ofSource(
  { live }: Observed,
  status: SourceStatus,
  { context, schedule }: ObservedSource,
): Promise<SourceSnapshot> {
  const watch = live.source(status.config.name);
  const [main] = context.config.definition.quotas(context.config.options);
  const available = await context.http.available(main?.route ?? '*');
  const { stale, readUpTo } = status;
  return {
    ...status,
    watch,
    troubles: [
      ...(stale === undefined ? [] : [stale]),
      ...watch.troublesWithin(schedule.interval, context.circuit.refusals),
    ],
    quotaRemaining: Number.isFinite(available) ? available : undefined,
    lag: readUpTo === undefined ? undefined : Math.max(0, context.source.now() - readUpTo),
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

/** What this process reports at `now` (epoch ms), while the journal has this room. */
export function currentReports(observed: Observed, room: Room, now: number): Reports {
  const { live, sources, deliveries } = observed;
  const byName = new Map(sources.map((source) => [source.context.config.name, source]));
  const since = live.roomSince(room, now);
  return {
    source(name) {
      const source = byName.get(name);
      if (source === undefined) return { conditions: {} };
      return sourceReport(live, source, waiting(source, room, since));
    },
    destination: (name) => deliveries.find(({ destination }) => destination.name === name)?.report ?? {},
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
