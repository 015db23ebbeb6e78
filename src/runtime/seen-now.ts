import type { App, SourceUnit } from './app.ts';
import type { Room } from '../journal/journal.ts';
import type { Condition } from '../core/state.ts';
import { OVERFLOWING } from '../observe/overflowing.ts';
import type { Seen } from '../observe/seen.ts';
import type { SourceReport } from '../core/state.ts';

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
