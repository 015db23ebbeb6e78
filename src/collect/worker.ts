import { StateError } from '../core/errors.ts';
import type { Schedule } from '../core/schedule.ts';
import type { CollectContext } from './context.ts';
import type { Halt } from './halt.ts';
import type { SourcePollResult } from '../core/poll-stats.ts';
import { sweep } from './sweep.ts';

/**
 * Sweeps a source whenever it is due, one sweep at a time, until the signal aborts. The due time survives restarts;
 * a first run, and a due time that passed meanwhile, is due at once.
 */
export async function work(context: CollectContext, schedule: Schedule, halt: Halt): Promise<void> {
  const { clock, signal } = context;
  let due = await firstDue(context, schedule);
  let last: SourcePollResult['outcome'] = 'complete';
  while (!signal.aborted) {
    context.observer?.alive(Math.max(0, due - clock.now()));
    await clock.sleep(due - clock.now(), signal).catch(() => undefined);
    if (signal.aborted) break;
    last = (await turn(context, halt))?.outcome ?? 'failed';
    due = nextDue(context, schedule);
    await remember(context, due);
  }
  // What was cut, and what failed or is refused, is tried as soon as there is a start or a reload.
  if (last === 'cut' || last === 'failed') await remember(context, clock.now());
}

/** One sweep, unless the source is stopped. Undefined: it was. */
export async function turn(context: CollectContext, halt: Halt): Promise<SourcePollResult | undefined> {
  const { clock, observer } = context;
  if (!halt.mayPoll(clock.now())) return undefined;
  observer?.alive();
  return context.sweeps.run(async () => {
    const began = clock.now();
    const result = await sweep(context, halt);
    observer?.sourcePoll(result, Math.max(0, clock.now() - began));
    return result;
  });
}

async function firstDue(
  { journal, clock, config, log }: CollectContext,
  schedule: Schedule,
): Promise<number> {
  const now = clock.now();
  const stored = await journal.nextDue(config.name).catch((error: unknown) => {
    if (error instanceof StateError) throw error;
    log.error({ err: error }, 'The due time could not be read. Due now.');
    return undefined;
  });
  if (stored === undefined || stored <= now + schedule.interval) return stored ?? now;
  log.warn(
    { penstock: { source: config.name, next_due: new Date(stored).toISOString() } },
    'The stored due time is further away than the interval: the clock or the schedule changed. Due now.',
  );
  return now;
}

function nextDue({ config, clock, run }: CollectContext, schedule: Schedule): number {
  const now = clock.now();
  const scheduled = schedule.next(now);
  const vendorNow = run.now();
  const edge = config.definition.nextExtraPoll?.(config.options, vendorNow);
  return edge === undefined ? scheduled : Math.min(scheduled, now + edge - vendorNow);
}

/** A due time that could not be stored (a full disk) costs an early poll at the next start, nothing else. */
async function remember({ journal, config, log }: CollectContext, due: number): Promise<void> {
  try {
    await journal.setNextDue(config.name, due);
  } catch (error) {
    if (error instanceof StateError) throw error;
    log.error({ err: error }, 'The next due time could not be stored.');
  }
}
