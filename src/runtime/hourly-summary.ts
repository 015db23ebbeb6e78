import type { App } from './app.ts';
import { StateError } from '../core/errors.ts';
import { since, totalsOf } from '../observe/live.ts';

const HOUR = 3_600_000;

/** Logs once an hour what was done in it, until delivering ends. A reload does not begin the hour anew. */
export async function summariseHourly(app: App): Promise<void> {
  const { clock, live, delivering: signal } = app;
  live.summarised ??= { at: clock.now(), totals: totalsOf(live) };
  while (!signal.aborted) {
    await clock.sleep(live.summarised.at + HOUR - clock.now(), signal).catch(() => undefined);
    if (signal.aborted) return;
    const before = live.summarised.totals;
    live.summarised = { at: clock.now(), totals: totalsOf(live) };
    const backlog = await backlogOf(app);
    const done = since(before, live.summarised.totals);
    app.log.info({ penstock: { ...done, ...(backlog !== undefined && { backlog }) } }, 'Hourly summary.');
  }
}

/** Events that the destination lacks which lacks most; undefined when the journal cannot be read now. */
async function backlogOf({ config, journal, log }: App): Promise<number | undefined> {
  try {
    const waiting = await Promise.all(
      config.destinations.map(({ name, sources }) => journal.waiting(name, sources)),
    );
    return Math.max(0, ...waiting);
  } catch (error) {
    if (error instanceof StateError) throw error;
    log.error({ err: error }, 'The backlog could not be read for the hourly summary.');
    return undefined;
  }
}
