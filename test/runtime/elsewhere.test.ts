import { expect, it } from 'vitest';
import type { Journal } from '../../src/journal/journal.ts';
import { PollsElsewhere } from '../../src/runtime/elsewhere.ts';

const SINCE = 1_000;

it('the streams are read once for all sources that are waited for', async () => {
  const sources = Array.from({ length: 50 }, (_, index) => ({ kind: 'source', name: `s${index}` }) as const);
  let reads = 0;
  const journal = {
    sources: { nextDue: async () => undefined },
    polls: { last: async (key: string) => [{ at: key === 's7' ? SINCE + 1 : SINCE - 1 }] },
    streams: {
      async all() {
        reads += 1;
        return sources.map(({ name }) => ({
          source: name,
          key: name,
          orphaned: false,
          lastError: 'no answer',
        }));
      },
    },
  } as unknown as Journal;
  const elsewhere = new PollsElsewhere(journal, SINCE);

  const done = await elsewhere.done(sources);

  expect(done).toEqual([{ kind: 'source', name: 's7' }]);
  expect(reads).toBe(1);
  expect(await elsewhere.results()).toMatchObject([{ source: 's7', outcome: 'failed' }]);
});
