import { JournalWriteError } from '../journal/journal.ts';
import type { App } from './app.ts';
import { untilRead } from './until-read.ts';

/** How often the journal is asked how far other processes have delivered. Milliseconds. */
const LOOK_EVERY = 500;

/**
 * Waits until each destination has everything that is in the journal now, or is paused; also those that other processes
 * hold. Returns the destinations that it still waited for when delivering ended.
 */
export async function untilDelivered(app: App): Promise<readonly string[]> {
  const { journal, clock, delivering: signal } = app;
  const end = await untilRead(() => journal.pages.newest(), { journal, clock, signal });
  const waits = app.config.destinations.map(async ({ name }) => ({
    name,
    isDone: await untilDone(app, name, end),
  }));
  return (await Promise.all(waits)).filter(({ isDone }) => !isDone).map(({ name }) => name);
}

/** `end`: the number of the last page that counts. Resolves with false when delivering ended before. */
async function untilDone(app: App, name: string, end: number): Promise<boolean> {
  const { units, clock, delivering } = app;
  while (!delivering.aborted) {
    const unit = units.destination(name);
    if (unit !== undefined) {
      if ((await unit.delivery.idle()) !== 'stopped') return true;
      // It was lost to another process, or delivering ends.
    } else if (await isDoneElsewhere(app, name, end)) {
      return true;
    }
    await clock.sleep(LOOK_EVERY, delivering).catch(() => undefined);
  }
  return false;
}

async function isDoneElsewhere({ journal, config }: App, name: string, end: number): Promise<boolean> {
  try {
    const stored = (await journal.destinations.all()).find((one) => one.name === name);
    if (stored === undefined) return false;
    if (stored.paused !== undefined || stored.position.sequence > end) return true;
    const { sources } = config.destinations.find((one) => one.name === name) ?? {};
    return (await journal.destinations.waiting(name, sources)) === 0;
  } catch (error) {
    // Asked again until the deadline.
    if (!(error instanceof JournalWriteError)) throw error;
    return false;
  }
}
