import { setTimeout } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.ts';
import type { StatePlace } from '../../src/config/types.ts';
import { JournalWriteError } from '../../src/journal/journal.ts';
import { openJournal } from '../../src/journal/open.ts';
import { placeAt } from '../journal/support/databases.ts';
import { KEY, page, records, STREAM } from '../journal/support/commits.ts';

/**
 * A process that commits pages to the state of its first argument until it is killed, and prints the number of each page
 * once it is durable. The state is a directory, or the URL of a database with the schema behind `#`. Second argument
 * `until-full`: it stops by itself when a commit fails, and prints the error's name and that of the next attempt.
 * `unhurried`: it rests between pages, as a collector does that waits for its vendor. `patient`: it says `refused` for a
 * commit that fails, and goes on behind the last page that was committed.
 */
const [path = '', mode] = process.argv.slice(2);
const journal = await openJournal(
  { place: placeOf(path), maxBytes: 2 ** 31, retain: 0 },
  { clock: systemClock },
);
const known = await journal.streams.open(STREAM);
await journal.destinations.open(['siem'], Date.now());

for (let number = next(known.cursor); ; number += 1) {
  try {
    await commit(number);
    process.stdout.write(`${number}\n`);
    if (mode === 'unhurried') await setTimeout(3);
  } catch (error) {
    if (mode === 'patient') {
      process.stdout.write('refused\n');
      number = (await reread()) - 1;
      continue;
    }
    if (mode !== 'until-full') throw error;
    const [again] = await Promise.allSettled([commit(number)]);
    const names = [error, again.status === 'rejected' && again.reason].map(
      (failure) => (failure as Error).name,
    );
    process.stdout.write(`${names.join(' ')}\n`);
    break;
  }
}
await journal[Symbol.asyncDispose]();

function placeOf(state: string): StatePlace {
  if (!state.startsWith('postgresql:')) return { kind: 'directory', path: state, allowNetworkFs: false };
  const [url = '', schema = ''] = state.split('#');
  return placeAt(url, { schema });
}

/** The number of the next page, once the state can be read: whether the last commit succeeded is not known. */
async function reread(): Promise<number> {
  for (;;) {
    await setTimeout(5);
    try {
      const { cursor } = await journal.streams.open(STREAM);
      return next(cursor);
    } catch (error) {
      if (!(error instanceof JournalWriteError)) throw error;
    }
  }
}

function next(cursor: unknown): number {
  return cursor === undefined ? 0 : (cursor as { number: number }).number + 1;
}

function commit(number: number): Promise<void> {
  return journal.commit(
    page({
      records: records(20, `page ${number}`),
      ledger: [{ key: `${number}`, at: number, uid: `page ${number}-0`, value: {} }],
      cursor: { number },
      covered: { from: number, to: number + 1 },
      stream: KEY,
    }),
  );
}
