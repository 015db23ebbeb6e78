import { setTimeout } from 'node:timers/promises';
import { openJournal } from '../../src/journal/sqlite/open.ts';
import { KEY, page, records, STREAM } from '../journal/support/commits.ts';

/**
 * A process that commits pages to the state directory of its first argument until it is killed, and prints the number
 * of each page once it is durable. Second argument `until-full`: it stops by itself when a commit fails, and prints the
 * error's name and that of the next attempt. `unhurried`: it rests between pages, as a collector does that waits for
 * its vendor. `patient`: it says `refused` for a commit that fails, and tries it again until it succeeds.
 */
const [path = '', mode] = process.argv.slice(2);
const journal = await openJournal({ path, maxBytes: 2 ** 31, retain: 0 });
const [known] = await journal.streams.all();
await journal.streams.open(STREAM);
await journal.destinations.open(['siem'], Date.now());

for (let number = next(known?.cursor); ; number += 1) {
  try {
    await commit(number);
    process.stdout.write(`${number}\n`);
    if (mode === 'unhurried') await setTimeout(3);
  } catch (error) {
    if (mode === 'patient') {
      process.stdout.write('refused\n');
      await setTimeout(5);
      number -= 1;
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
