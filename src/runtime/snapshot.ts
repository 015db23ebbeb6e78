import type { App, SourceUnit } from './app.ts';
import type { Delivery } from '../deliver/loop.ts';
import type { DeliveryState } from '../core/delivery-state.ts';
import type { Schedule } from '../core/schedule.ts';
import type { JournalStats, Room } from '../journal/journal.ts';
import type { DestinationWatch } from '../observe/destination-watch.ts';
import type { Histogram } from '../observe/histogram.ts';
import { destinationTroubles, journalTroubles, sourceTroubles } from '../observe/health.ts';
import type { Trouble } from '../core/state.ts';
import type { SourceWatch } from '../observe/source-watch.ts';
import { seenNow } from './seen-now.ts';
import { readStatus, type DestinationStatus, type SourceStatus, type Status } from '../observe/status.ts';

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
