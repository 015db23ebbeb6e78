import { parseSchedule, type Schedule } from '../schedule/schedule.ts';
import { overdueStreams, staleness, type OverdueStream } from '../telemetry/staleness.ts';
import type { SourceStatus } from '../telemetry/status.ts';
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
  return sources.flatMap((status) => {
    const schedule = scheduleOf(status, random);
    return overdueStreams({ status, schedule, now: clock.now() });
  });
}

function scheduleOf({ config: { options } }: SourceStatus, random: Io['random']): Schedule {
  return parseSchedule(options.schedule, options.timezone, random);
}

/** The sources without a complete sweep in the time that their schedule gives them, by the journal alone. */
export function staleSources(
  sources: readonly SourceStatus[],
  { clock, random }: Pick<Io, 'clock' | 'random'>,
): readonly StaleSource[] {
  return sources.flatMap((status) => {
    const { name } = status.config;
    const schedule = scheduleOf(status, random);
    const trouble = staleness({ status, schedule, now: clock.now() });
    return trouble === undefined ? [] : [{ source: name, detail: trouble.detail }];
  });
}
