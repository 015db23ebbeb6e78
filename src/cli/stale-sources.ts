import { parseSchedule } from '../schedule/schedule.ts';
import { staleness } from '../telemetry/staleness.ts';
import type { SourceStatus } from '../telemetry/status.ts';
import type { Io } from './io.ts';

interface StaleSource {
  readonly source: string;
  /** Since when, and the last error. */
  readonly detail: string;
}

/** The sources without a complete sweep in the time that their schedule gives them, by the journal alone. */
export function staleSources(
  sources: readonly SourceStatus[],
  { clock, random }: Pick<Io, 'clock' | 'random'>,
): readonly StaleSource[] {
  return sources.flatMap((status) => {
    const { name, options } = status.config;
    const schedule = parseSchedule(options.schedule, options.timezone, random);
    const trouble = staleness({ status, schedule, now: clock.now() });
    return trouble === undefined ? [] : [{ source: name, detail: trouble.detail }];
  });
}
