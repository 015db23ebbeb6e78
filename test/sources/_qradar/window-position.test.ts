import { describe, expect, it } from 'vitest';
import { TimedOutError } from '../../../src/core/errors.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drive, failure } from '../../http/support/rig.ts';
import {
  attempt,
  consoleBench,
  cursorOf,
  DAY,
  HOUR,
  MINUTE,
  multiset,
  NOW,
  passing,
  SECOND,
  emittedRows,
} from './support.ts';

const bench = consoleBench();

describe('a console that is too slow', () => {
  it('a console that times out is asked for half as much within the same poll, and for more again later', async () => {
    const rows = Array.from({ length: 24 }, (_, n) => attempt(NOW - DAY + n * HOUR));
    await bench.start({ rows });
    const lab = bench.lab({ initial_lookback: '1d', slice: '1d', timeout: '30s' });
    bench.slowBeyond(7 * HOUR);

    await drive(bench.clock, lab.once(), MINUTE);

    expect(multiset(emittedRows(lab))).toEqual(multiset(rows));
    const spans = bench.asked().map(({ from, to }) => (to - from) / HOUR);
    expect(Math.round(spans[0] as number)).toBe(24);
    expect(spans.slice(1, 3).map(Math.round)).toEqual([12, 6]);
  });

  it('a console that times out is still asked for less after a crash', async () => {
    await bench.start();
    const lab = bench.lab({ initial_lookback: '1d', slice: '1d', timeout: '30s' });
    bench.slowBeyond(7 * HOUR);
    await drive(bench.clock, lab.once({}, { diesAfter: 2 }), MINUTE);
    const before = bench.asked().length;

    await drive(bench.clock, lab.once(), MINUTE);

    const [first] = bench.asked().slice(before);
    expect(Math.round(((first?.to ?? 0) - (first?.from ?? 0)) / HOUR)).toBe(6);
  });

  it('the poll fails when even a second takes too long', async () => {
    await bench.start();
    const lab = bench.lab({ initial_lookback: '1h', timeout: '30s' });
    bench.slowBeyond(-1);

    const error = await failure(drive(bench.clock, lab.once(), MINUTE));

    expect(error).toBeInstanceOf(TimedOutError);
    const last = bench.asked().at(-1);
    expect((last?.to ?? 0) - (last?.from ?? 0)).toBe(SECOND);
  });
});

describe('clocks', () => {
  it.each([
    ['a day ahead', DAY],
    ['a day behind', -DAY],
    ['five seconds behind', -5 * SECOND],
  ])('the cursor does not pass what the console had settled when our clock is %s', async (_, jump) => {
    await bench.start({ rows: [attempt(NOW - 2 * MINUTE), attempt(NOW - 30 * SECOND)] });
    const ours = new DrivenClock('2026-03-02T12:00:00Z');
    const lab = bench.lab({ overlap: '0s' }, ours);
    await lab.once();
    ours.jump(jump);
    await bench.clock.advance(10 * MINUTE);
    bench.console.add([attempt(NOW + 5 * MINUTE), attempt(NOW + 9 * MINUTE + 2 * SECOND)]);

    await passing(ours, bench.clock, lab.once());

    expect(multiset(emittedRows(lab))).toEqual(
      multiset([attempt(NOW - 2 * MINUTE), attempt(NOW - 30 * SECOND), attempt(NOW + 5 * MINUTE)]),
    );
    expect(Number(cursorOf(lab)['next'])).toBeLessThanOrEqual(bench.clock.now() - MINUTE);
    expect(Number(cursorOf(lab)['next'])).toBeGreaterThanOrEqual(NOW + 9 * MINUTE);
  });

  it('the overlap is read also when our clock is a little behind', async () => {
    await bench.start();
    const ours = new DrivenClock('2026-03-02T12:00:00Z');
    const lab = bench.lab({ settle: '2s', overlap: '3s' }, ours);
    await lab.once();
    ours.jump(-5 * SECOND);
    bench.console.add([attempt(NOW - 4 * SECOND)]);

    await lab.once();

    expect(lab.events).toHaveLength(1);
  });

  it('what a console may have dated anew is read again when its clock was set back', async () => {
    const ours = new DrivenClock('2026-03-02T12:00:00Z');
    await bench.start({ rows: [90, 30, 2].map((minutes) => attempt(NOW - minutes * MINUTE)) });
    const lab = bench.lab({}, ours);
    await lab.once();
    await bench.clock.advance(10 * MINUTE);
    await ours.advance(10 * MINUTE);
    bench.clock.jump(-HOUR);
    bench.console.add([attempt(NOW - 59 * MINUTE), attempt(NOW - 52 * MINUTE)]);

    await passing(ours, bench.clock, lab.once());
    await bench.clock.advance(2 * HOUR);
    await ours.advance(2 * HOUR);
    await lab.once();

    expect(multiset(emittedRows(lab))).toEqual(
      multiset([90, 30, 2, 59, 52].map((minutes) => attempt(NOW - minutes * MINUTE))),
    );
    expect(lab.lines.filter(({ msg }) => /clock was set back/.test(String(msg)))).toHaveLength(1);
  });
});
