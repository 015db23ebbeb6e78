import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Journal } from '../../../src/journal/journal.ts';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { options } from '../support/states.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let journal: Journal;
let budgets = 0;

beforeAll(async () => {
  directory = await temporaryDirectory();
  journal = await openJournal(options(join(directory.path, 'shared')));
});

afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

test('no window ever holds more than its quota, and a refused request is granted at the time that was named', async () => {
  const quotas = fc.record({
    requests: fc.integer({ min: 1, max: 4 }),
    per: fc.integer({ min: 1, max: 30 }),
  });
  const waits = fc.array(fc.nat(15), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(waits, quotas, async (waits, quota) => {
      const budget = `budget ${(budgets += 1)}`;
      const granted: number[] = [];
      let now = 1_000;
      for (const wait of waits) {
        now += wait;
        const again = await journal.quotas.spend(budget, quota, now);
        const asked = Math.max(now, again);
        const answer = again === 0 ? 0 : await journal.quotas.spend(budget, quota, asked);
        expect(answer).toBe(0);
        granted.push(asked);
        now = asked;
      }

      const busiest = granted.map(
        (start) => granted.filter((at) => at >= start && at < start + quota.per).length,
      );
      expect(Math.max(...busiest)).toBeLessThanOrEqual(quota.requests);
    }),
    { numRuns: 25 },
  );
});

test('a clock that jumps anywhere never blocks a quota for longer than a window', async () => {
  const times = fc.array(fc.nat(200), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(times, async (times) => {
      const budget = `budget ${(budgets += 1)}`;

      for (const now of times) {
        const again = await journal.quotas.spend(budget, { requests: 1, per: 20 }, now);
        expect(again === 0 || (again > now && again <= now + 40)).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});
