import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startConsole } from '../../../src/simulators/qradar.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import {
  attempt,
  DAY,
  HOUR,
  labFor,
  MINUTE,
  multiset,
  passing,
  SECOND,
  TOKEN,
  emittedRows,
} from './support.ts';
import { modelRuns } from '../../support/model-runs.ts';

const utc = (at: number) => new Date(at).toUTCString();

const [SETTLE, OVERLAP] = [2 * SECOND, 3 * SECOND];

const step = fc.record({
  /** How long all clocks run before the poll. Milliseconds. */
  pass: fc.integer({ min: 0, max: 20_000 }),
  /** Rows that appear now, dated so long ago by the clock that dates them. Milliseconds. */
  rows: fc.array(fc.constantFrom(0, 1, SETTLE, OVERLAP), { maxLength: 4 }),
  /** The console's clocks are set; both, as one. */
  set: fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    // Less than this is within what `Date`, of whole seconds, can show.
    { weight: 1, arbitrary: fc.integer({ min: -2 * HOUR, max: -4 * SECOND }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * HOUR }) },
  ),
  /** Our clock is set; never so that an old answer seems to be of now. */
  jump: fc.constantFrom(0, 0, 0, 0, 7 * HOUR, -7 * HOUR),
  /** What the next answers say instead of the console's clock: so long ago, with an `Age` or without. */
  stale: fc.array(fc.record({ by: fc.constantFrom(0, 0, DAY, 3 * DAY, 365 * DAY), age: fc.boolean() }), {
    maxLength: 2,
  }),
});

const DAY_OLD = { by: DAY, age: true };

/** A row comes late while a cache gives old answers, until nothing newer came for `overlap`. */
const STALE_AND_QUIET = [
  { pass: 0, rows: [0], set: 0, jump: 0, stale: [] },
  { pass: 0, rows: [OVERLAP], set: 0, jump: 0, stale: [DAY_OLD] },
  { pass: 3_000, rows: [], set: 0, jump: 0, stale: [DAY_OLD] },
];

/** A row from before the console's clock was set back is read only after that. */
const READ_AFTER_SET_BACK = [
  { pass: 0, rows: [0], set: 0, jump: 0, stale: [{ by: 3 * DAY, age: true }] },
  { pass: 0, rows: [], set: -4_000, jump: 0, stale: [] },
  { pass: 0, rows: [0], set: 0, jump: 0, stale: [] },
];

/** As before, and what is older than it comes after its time. */
const SET_BACK_AND_FORWARD = [
  { pass: 0, rows: [0], set: 0, jump: 0, stale: [{ by: 365 * DAY, age: true }] },
  { pass: 0, rows: [], set: -3_253_066, jump: 0, stale: [] },
  { pass: 12_877, rows: [1, 1], set: 0, jump: -7 * HOUR, stale: [] },
  { pass: 16_391, rows: [2_000, 3_000, 1], set: 0, jump: 0, stale: [{ by: 3 * DAY, age: false }] },
  {
    pass: 1_669,
    rows: [2_000, 2_000, 3_000, 2_000],
    set: 3_202_346,
    jump: 0,
    stale: [{ by: 365 * DAY, age: true }],
  },
  { pass: 13_396, rows: [3_000, 0, 3_000, 2_000], set: 0, jump: 0, stale: [DAY_OLD, { by: 0, age: false }] },
];

describe('whatever the clocks and caches say, over many polls', () => {
  it('each row is emitted once, whatever the clocks and caches say, over many polls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        // What the `Date` of a proxy is ahead of the clock that dates the rows.
        fc.integer({ min: 0, max: 10 * MINUTE }),
        fc.integer({ min: -DAY, max: DAY }),
        fc.integer({ min: 1, max: 5 }),
        async (steps, proxy, offset, page_size) => {
          const theirs = new DrivenClock('2026-03-02T12:00:00Z');
          const ours = new DrivenClock('2026-03-02T12:00:00Z');
          ours.jump(-offset);
          await using vendor = await startConsole({ clock: theirs, token: TOKEN });
          let stale: { by: number; age: boolean }[] = [];
          vendor.proxy.headers = () => {
            const { by, age } = stale.shift() ?? { by: 0, age: false };
            return by === 0 ? {} : { date: utc(theirs.now() - by), ...(age && { age: String(by / SECOND) }) };
          };
          const lab = labFor(vendor, ours, {
            page_size,
            settle: `${SETTLE}ms`,
            overlap: `${OVERLAP}ms`,
            initial_lookback: '2d',
          });
          await passing(ours, theirs, lab.once());
          let user = 0;
          for (const { pass, rows, set, jump, ...more } of steps) {
            await theirs.advance(pass);
            await ours.advance(pass);
            theirs.jump(set);
            // Both at once may look like neither.
            ours.jump(set === 0 ? jump : 0);
            vendor.add(rows.map((late) => attempt(theirs.now() - proxy - late, { user_id: (user += 1) })));
            stale = [...more.stale];
            // Four answers that no other one confirms may fail a poll.
            await passing(ours, theirs, lab.once()).catch(() => undefined);
          }
          stale = [];
          // The clock goes on to where it has been.
          for (const wait of [MINUTE, HOUR * 30, MINUTE]) {
            await theirs.advance(wait);
            await ours.advance(wait);
            await passing(ours, theirs, lab.once());
          }

          expect(multiset(emittedRows(lab))).toEqual(multiset(vendor.rows as never));
        },
      ),
      {
        numRuns: modelRuns(60),
        examples: [
          [STALE_AND_QUIET, 2_001, 0, 1],
          [READ_AFTER_SET_BACK, 7_001, 0, 1],
          [SET_BACK_AND_FORWARD, 571_934, -78_101_036, 1],
        ],
      },
    );
  });
});
