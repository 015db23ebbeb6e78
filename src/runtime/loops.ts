import type { App } from './app.ts';
import { longestWaitingFirst } from '../collect/due.ts';
import { collectSource } from '../collect/loop.ts';
import { StateError } from '../core/errors.ts';
import { serveRequests } from './jobs.ts';
import { beatNowAndThen } from './heartbeat.ts';
import { GRACE, JOURNAL_LOOP } from '../observe/live.ts';
import { summariseHourly } from './hourly-summary.ts';
import { SeenNotes } from './state-reports.ts';
import { together } from './together.ts';
import { watchState } from './watch-state.ts';

const TRIM_EVERY = 60_000;

interface DaemonOptions {
  /** How often it is looked what commands have left, milliseconds. */
  readonly lookEvery?: number | undefined;
}

/**
 * Polls each source when it is due and delivers, until the app's signals have aborted. The loops share nothing but the
 * journal. Carries out what commands leave. Rejects when the state cannot be used: then everything ends, and nothing is lost.
 */
export async function daemon(app: App, { lookEvery }: DaemonOptions = {}): Promise<void> {
  const sources = await longestWaitingFirst(app.journal, app.sources);
  const notes = new SeenNotes(app);
  const loops = [
    ...sources.map(({ context, schedule }) => collectSource(context, schedule)),
    ...app.deliveries.map((delivery) => delivery.run(app.delivering)),
    trimNowAndThen(app),
    serveRequests(app, { lookEvery }),
    watchState(app, lookEvery),
    notes.run(lookEvery),
    summariseHourly(app),
    ...(app.config.admin === undefined ? [] : [takePulse(app)]),
    ...(app.config.heartbeat === undefined ? [] : [beatNowAndThen(app, app.config.heartbeat)]),
  ];
  await together(loops, () => app.abort());
  await notes.note();
  app.live.pulse.rest();
}

/** For `/livez`. */
async function takePulse({ live, clock, delivering, deliveries }: App): Promise<void> {
  await live.pulse.run(clock, delivering, () => {
    for (const { destination, state } of deliveries) live.deliveryRests(destination, state);
  });
}

/** Gives the journal's space back until delivering ends. */
export async function trimNowAndThen({ journal, clock, log, live, delivering: signal }: App): Promise<void> {
  while (!signal.aborted) {
    try {
      await journal.trim(clock.now());
    } catch (error) {
      if (error instanceof StateError) throw error;
      log.error({ err: error }, 'The journal could not be trimmed; it is tried again in a minute.');
    }
    live.pulse.expect(JOURNAL_LOOP, TRIM_EVERY + GRACE);
    await clock.sleep(TRIM_EVERY, signal).catch(() => undefined);
  }
}
