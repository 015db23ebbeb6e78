import type { Delivery } from '../deliver/loop.ts';
import type { Schedule } from '../core/schedule.ts';
import type { Condition, SourceReport, Trouble } from '../core/state.ts';
import type { DeliveryState } from '../core/delivery-state.ts';
import type { JournalStats, Room } from '../journal/journal.ts';
import type { DestinationWatch, SourceWatch } from './watches.ts';
import { destinationTroubles, journalTroubles, sourceTroubles } from './health.ts';
import type { Histogram } from './counts.ts';
import { type DestinationStatus, readStatus, type Seen, type SourceStatus, type Status } from './status.ts';
import type { App, SourceUnit } from '../runtime/app.ts';

/** What everything of a running app is like at one moment: what is durable, and what this process has seen. */
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
  /** Requests that the budget of the main route would grant now; undefined without a quota. */
  readonly quotaRemaining: number | undefined;
  /** How long ago everything was read up to, by the vendor's clock; undefined before the first page. Milliseconds. */
  readonly lag: number | undefined;
}

export interface DestinationSnapshot extends DestinationStatus {
  readonly watch: DestinationWatch;
  readonly delivery: DeliveryState;
  readonly troubles: readonly Trouble[];
}

/** @throws StateError, JournalWriteError when the journal cannot be read. */
export async function takeSnapshot(app: App): Promise<Snapshot> {
  const { journal, live, config } = app;
  const at = app.clock.now();
  const room = await journal.room(at);
  const since = live.roomSince(room, at);
  const {
    sources,
    destinations,
    journal: stats,
    ...rest
  } = await readStatus(journal, config, {
    now: at,
    seen: seenNow(app, room, at),
    scheduleOf: ({ name }) => scheduleOf(app, name),
  });
  return {
    ...rest,
    at,
    sources: await Promise.all(sources.map((status, index) => ofSource(app, status, app.sources[index]))),
    destinations: destinations.map((status, index) => ofDestination(app, status, app.deliveries[index])),
    commits: live.commits,
    journal: { ...stats, room, troubles: journalTroubles(room, since) },
  };
}

function scheduleOf({ sources }: App, name: string): Schedule {
  const unit = sources.find(({ context }) => context.config.name === name);
  if (unit === undefined) throw new Error(`Source ${name} was never opened.`);
  return unit.schedule;
}

async function ofSource(
  { live }: App,
  status: SourceStatus,
  unit: SourceUnit | undefined,
): Promise<SourceSnapshot> {
  if (unit === undefined) throw new Error(`Source ${status.config.name} was never opened.`);
  const { context, schedule } = unit;
  const watch = live.source(status.config.name);
  const [main] = context.config.definition.quotas(context.config.options);
  const available = await context.http.available(main?.route ?? '*');
  return {
    ...status,
    watch,
    troubles: sourceTroubles(status, watch.troublesWithin(schedule.interval, context.circuit.refusals)),
    quotaRemaining: Number.isFinite(available) ? available : undefined,
    lag: status.readUpTo === undefined ? undefined : Math.max(0, context.source.now() - status.readUpTo),
  };
}

function ofDestination(
  { live }: App,
  status: DestinationStatus,
  delivery: Delivery | undefined,
): DestinationSnapshot {
  if (delivery === undefined) throw new Error(`Destination ${status.name} was never opened.`);
  return {
    ...status,
    watch: live.destination(status.name),
    delivery: delivery.state,
    troubles: destinationTroubles(status),
  };
}

/** What this process has seen of an app, at `now` (epoch ms), when the journal has this room. */
export function seenNow(app: App, room: Room, now: number): Seen {
  const { live, sources, deliveries } = app;
  const units = new Map(sources.map((unit) => [unit.context.config.name, unit]));
  const since = live.roomSince(room, now);
  return {
    source(name) {
      const unit = units.get(name);
      return unit === undefined ? { conditions: {} } : sourceSeen(app, unit, waiting(unit, room, since));
    },
    destination: (name) => deliveries.find(({ destination }) => destination.name === name)?.report ?? {},
    reloadFailed: live.reloadFailed,
  };
}

function sourceSeen({ live }: App, unit: SourceUnit, full: Condition | undefined): SourceReport {
  const { schedule, context } = unit;
  const watch = live.source(context.config.name);
  const { refused } = context.circuit;
  return {
    conditions: {
      ...(refused !== undefined && { refused }),
      ...watch.conditions,
      ...(full !== undefined && { waiting: full }),
    },
    since: watch.since,
    // Only where the readiness rule depends on it, so that it is not noted after each sweep.
    ...(watch.lastSweep > schedule.interval && { lastSweep: watch.lastSweep }),
  };
}

/** At the cap, those wait that can be asked again later; when it is critical, all. */
function waiting({ context }: SourceUnit, room: Room, since: number): Condition | undefined {
  if (room === 'free' || (room === 'full' && !context.config.definition.canReread)) return undefined;
  return { since, reason: OVERFLOWING[room] };
}

/** Why sources wait for the journal, in words. */
export const OVERFLOWING: Readonly<Record<Exclude<Room, 'free'>, string>> = {
  full: 'The journal is at state.max_bytes: sources that can be asked again have stopped polling until it is delivered.',
  critical:
    'The journal is beyond state.max_bytes, or its disk is nearly full: nothing is polled until it is delivered.',
};
