import type { App } from '../app.ts';
import { work } from '../collect/worker.ts';
import { StateError } from '../errors.ts';
import { beatNowAndThen } from '../telemetry/heartbeat.ts';
import { GRACE, JOURNAL_LOOP } from '../telemetry/live.ts';
import { together } from './together.ts';

const TRIM_EVERY = 60_000;

/**
 * Polls each source when it is due and delivers, until the app's signals have aborted. The loops share nothing but the
 * journal. Rejects when the state cannot be used: then everything ends, and nothing is lost.
 */
export async function daemon(app: App): Promise<void> {
  const loops = [
    ...app.sources.map(({ context, schedule, halt }) => work(context, schedule, halt)),
    ...app.deliveries.map((delivery) => delivery.run(app.delivering)),
    trimNowAndThen(app),
    ...(app.config.admin === undefined ? [] : [takePulse(app)]),
    ...(app.config.heartbeat === undefined ? [] : [beatNowAndThen(app, app.config.heartbeat)]),
  ];
  await together(loops, () => app.abort());
  app.live.pulse.rest();
}

/** For `/livez`. */
async function takePulse({ live, clock, delivering, deliveries }: App): Promise<void> {
  await live.pulse.run(clock, delivering, () => {
    for (const { destination, standing } of deliveries) live.deliveryRests(destination, standing);
  });
}

async function trimNowAndThen({ journal, clock, log, live, delivering: signal }: App): Promise<void> {
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
