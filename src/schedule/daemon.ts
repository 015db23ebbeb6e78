import type { App } from '../app.ts';
import { work } from '../collect/worker.ts';
import { StateError } from '../errors.ts';
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
  ];
  await together(loops, () => app.abort());
}

async function trimNowAndThen({ journal, clock, log, delivering: signal }: App): Promise<void> {
  while (!signal.aborted) {
    try {
      await journal.trim(clock.now());
    } catch (error) {
      if (error instanceof StateError) throw error;
      log.error({ err: error }, 'The journal could not be trimmed; it is tried again in a minute.');
    }
    await clock.sleep(TRIM_EVERY, signal).catch(() => undefined);
  }
}
