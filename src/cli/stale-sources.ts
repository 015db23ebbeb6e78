import type { SourceConfig } from '../config/types.ts';
import { parseSchedule, type Schedule } from '../core/schedule.ts';
import { overdueStreams, type OverdueStream } from '../observe/states.ts';
import type { SourceStatus } from '../observe/status.ts';
import type { Io } from './io.ts';

interface StaleSource {
  readonly source: string;
  /** Since when, and the last error. */
  readonly detail: string;
}

/** The streams that were not read for longer than readiness allows, by the journal alone. */
export function overdueOf(
  sources: readonly SourceStatus[],
  { clock, random }: Pick<Io, 'clock' | 'random'>,
): readonly OverdueStream[] {
  const scheduleOf = schedules(random);
  return sources.flatMap((status) => {
    return overdueStreams({ status, schedule: scheduleOf(status.config), now: clock.now() });
  });
}

/** When a source is due, by its configuration. */
export function schedules(random: Io['random']): (source: SourceConfig) => Schedule {
  return ({ options }) => parseSchedule(options.schedule, options.timezone, random);
}

/** The sources without a complete sweep in the time that their schedule gives them, by the journal alone. */
export function staleSources(sources: readonly SourceStatus[]): readonly StaleSource[] {
  return sources.flatMap(({ config: { name }, stale }) =>
    stale === undefined ? [] : [{ source: name, detail: stale.detail }],
  );
}
