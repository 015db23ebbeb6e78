import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DrivenClock } from '../../support/driven-clock.ts';
import type { TestPipeline } from '../../support/test-pipeline.ts';
import type { LoginAttempt } from '../../../src/simulators/qradar-attempts.ts';
import { startConsole } from '../../../src/simulators/qradar.ts';
import { attempt, DAY, labFor, MINUTE, multiset, NOW, passing, TOKEN, emittedRows } from './support.ts';
import { modelRuns } from '../../support/model-runs.ts';

/** Few values, so that times tie and rows repeat. */
const row = fc
  .record({ back: fc.integer({ min: 0, max: 12 }), user: fc.integer({ min: 1, max: 2 }) })
  .map(({ back, user }) => attempt(NOW - 2 * MINUTE - back * 1000, { user_id: user }));

/** A row that appears while the poll goes on, before the answer to one of its requests. */
const late = fc.record({ row, request: fc.integer({ min: 1, max: 12 }) });

const scenario = fc.record({
  rows: fc.array(row, { maxLength: 30 }),
  late: fc.array(late, { maxLength: 4 }),
  pageSize: fc.integer({ min: 1, max: 12 }),
  maxPage: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  slice: fc.constantFrom('1s', '5s', '1h'),
  refuseSort: fc.boolean(),
  /** After how many pages each process dies; the last one lives. */
  deaths: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
});

/** Polls until the process dies after so many durable pages, or to the end. */
async function live(lab: TestPipeline, diesAfter = Infinity): Promise<void> {
  await lab.once({}, { diesAfter });
}

describe('whatever rows, page sizes, late rows and crashes', () => {
  it('each row is emitted once, whatever rows, page sizes, late rows and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ rows, late, pageSize, deaths, slice, ...console }) => {
        const clock = new DrivenClock('2026-03-02T12:00:00Z');
        await using vendor = await startConsole({ clock, token: TOKEN, rows, ...console });
        const lab = labFor(vendor, clock, { page_size: pageSize, slice, initial_lookback: '3m' });
        const added: LoginAttempt[] = [];
        vendor.onRequest = () => {
          const due = late.filter(({ request }) => request === vendor.requests.length).map(({ row }) => row);
          vendor.add(due);
          added.push(...due);
          return undefined;
        };

        for (const pages of deaths) await live(lab, pages);
        await live(lab);
        vendor.onRequest = undefined;
        await clock.advance(MINUTE);
        await live(lab);

        expect(multiset(emittedRows(lab))).toEqual(multiset([...rows, ...added]));
        expect(new Set(lab.events.map(({ uid }) => uid)).size).toBe(lab.events.length);
      }),
      { numRuns: modelRuns(30) },
    );
  });
});

const [SETTLE, OVERLAP, LOOKBACK] = [2000, 3000, 10_000];

const step = fc.record({
  /** How long the console's clock runs before the poll. Milliseconds. */
  pass: fc.integer({ min: 0, max: 20_000 }),
  /** Rows that appear just before the poll, dated up to `settle` and `overlap` ago. */
  rows: fc.array(
    fc.record({
      late: fc.constantFrom(0, 1, SETTLE, SETTLE + 1, SETTLE + OVERLAP),
      user: fc.integer({ min: 1, max: 2 }),
    }),
    { maxLength: 6 },
  ),
  /** Our own clock jumps. */
  jump: fc.constantFrom(0, 0, 0, 50, -5000, DAY, -DAY),
  /** The process dies after so many pages. */
  dies: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 2 }),
});

describe('whatever our own clock shows, over many polls', () => {
  it('each row that comes no later than settle plus overlap is emitted once, whatever our own clock shows, over many polls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, size) => {
          const theirs = new DrivenClock('2026-03-02T12:00:00Z');
          const ours = new DrivenClock('2026-03-02T12:00:00.400Z');
          await using vendor = await startConsole({ clock: theirs, token: TOKEN });
          const lab = labFor(vendor, ours, {
            page_size: size,
            settle: `${SETTLE}ms`,
            overlap: `${OVERLAP}ms`,
            initial_lookback: `${LOOKBACK}ms`,
          });
          await live(lab);
          for (const { pass, rows, jump, dies } of steps) {
            await theirs.advance(pass);
            await ours.advance(pass);
            ours.jump(jump);
            vendor.add(rows.map(({ late, user }) => attempt(theirs.now() - late, { user_id: user })));
            await passing(ours, theirs, live(lab, dies));
          }
          await theirs.advance(MINUTE);
          await ours.advance(MINUTE);
          await passing(ours, theirs, live(lab));

          expect(multiset(emittedRows(lab))).toEqual(multiset(vendor.rows as LoginAttempt[]));
        },
      ),
      { numRuns: modelRuns(50) },
    );
  });
});
