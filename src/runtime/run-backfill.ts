import { isoTime } from '../ecs/time.ts';
import { explain, StateError } from '../core/errors.ts';
import type { Job } from './job.ts';
import { PastReading } from './source-jobs.ts';
import { takersOf, untilDelivered } from './trouble.ts';
import type { Backfill, Outcome } from './wanted.ts';

/**
 * Reads a past span of a source, and waits until it is delivered. Undefined when the process is to end before: what is
 * durable is not read again.
 */
export async function runBackfill(job: Job, want: Backfill): Promise<Outcome | undefined> {
  const { app } = job;
  const unit = app.sources.find(({ context }) => context.config.name === want.source);
  const reader = unit?.context.config.definition.backfill;
  if (unit === undefined || reader === undefined) {
    return { code: 2, message: `The configuration has no source ${want.source} that can be read again.` };
  }
  const reading = new PastReading({ job, unit, reader, want });
  try {
    await reading.run();
  } catch (error) {
    if (error instanceof StateError || !unit.context.signal.aborted) throw error;
    return undefined;
  }
  const undelivered = await untilDelivered(takersOf(app, want.source), app.clock);
  return undelivered && outcomeOf(want, reading, undelivered);
}

function outcomeOf(want: Backfill, { errors, events }: PastReading, undelivered: readonly string[]): Outcome {
  const span = `${isoTime(want.from)} to ${isoTime(want.to)}`;
  if (errors.length > 0) {
    const why = errors.map((error) => explain(error)).join(' ');
    const message = `Source ${want.source} could not be read completely from ${span}; ${events} events. What was read is kept: the same command reads the rest. ${why}`;
    return { code: 3, message };
  }
  const read = `Source ${want.source} was read from ${span}: ${events} events.`;
  if (undelivered.length === 0) return { code: 0, message: read };
  return {
    code: 4,
    message: `${read} Not all of them are delivered; the journal holds them. ${undelivered.join(' ')}`,
  };
}
