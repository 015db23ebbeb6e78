import { describe, expect, it } from 'vitest';
import { failure } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import type { TestPipeline } from '../../support/test-pipeline.ts';
import {
  attempt,
  consoleBench,
  cursorOf,
  DAY,
  HOUR,
  isComplete,
  LIST,
  MINUTE,
  multiset,
  NOW,
  passing,
  SECOND,
  emittedRows,
} from './support.ts';

const bench = consoleBench();

const utc = (at: number) => new Date(at).toUTCString();
const warnings = (lab: TestPipeline, words: RegExp) =>
  lab.lines.filter(({ level, msg }) => level === 40 && words.test(String(msg)));
const once = (lab: TestPipeline, ours: DrivenClock = bench.clock) => passing(ours, bench.clock, lab.once());

/** The next answers about the list have these dates; then the console's own again. */
function dated(...dates: number[]): void {
  bench.console.proxy.headers = ({ path }) => {
    const date = path === LIST ? dates.shift() : undefined;
    return date === undefined ? {} : { date: utc(date) };
  };
}

describe('an answer that is not dated by the known clock', () => {
  it.each([
    ['a day ago', NOW - DAY],
    ['1970', 0],
    ['a day ahead', NOW + DAY],
  ])(
    'an answer that is not dated by the known clock is not used and requested again, also without retries: %s',
    async (_, date) => {
      const rows = [40, 20, 2].map((minutes) => attempt(NOW - minutes * MINUTE));
      await bench.start({ rows });
      const lab = bench.lab({ initial_lookback: '30m' });
      await lab.once();
      const before = bench.asked().length;
      dated(date);

      await once(lab);
      await bench.clock.advance(MINUTE);
      await lab.once();

      expect(bench.asked()).toHaveLength(before + 3);
      expect(multiset(emittedRows(lab))).toEqual(multiset(rows.slice(1)));
      expect(cursorOf(lab)['ahead']).toBe(0);
    },
  );

  it('four answers whose dates do not agree fail the poll with a message, and leave the cursor', async () => {
    await bench.start({ rows: [attempt(NOW - 2 * MINUTE)] });
    const lab = bench.lab();
    await lab.once();
    const [before, asked] = [cursorOf(lab), bench.asked().length];
    dated(NOW - DAY, NOW - DAY, NOW - 3 * DAY, NOW - DAY);

    const error = await failure(once(lab));

    expect(error.message).toMatch(/requested 4 times.*nor is confirmed by a second response/);
    expect(bench.asked()).toHaveLength(asked + 4);
    expect(cursorOf(lab)).toEqual(before);
  });

  it('a date that is not by the known clock is not confirmed by an answer with exactly the same date', async () => {
    await bench.start();
    const lab = bench.lab();
    await lab.once();
    dated(NOW - DAY, NOW - DAY);

    await once(lab);

    expect(cursorOf(lab)['ahead']).toBe(0);
    expect(cursorOf(lab)['next']).toBeGreaterThanOrEqual(NOW - MINUTE);
  });

  it('a date is believed when it differs by no more than settle and overlap, and two seconds', async () => {
    await bench.start();
    const lab = bench.lab({ settle: '10s', overlap: '20s' });
    await lab.once();
    const aside = () => lab.lines.filter(({ msg }) => /requesting it again/.test(String(msg))).length;
    dated(NOW + 32 * SECOND);
    await once(lab);
    const near = aside();
    await bench.clock.advance(MINUTE);
    await once(lab);
    dated(bench.clock.now() + 33 * SECOND);
    await once(lab);

    expect([near, aside()]).toEqual([0, 1]);
  });

  it('every answer that is requested again counts against the quota', async () => {
    await bench.start();
    const lab = bench.lab({ quota: { requests: 100, per: '1h' } });
    await using process = lab.start();
    await process.poll();
    const left = await process.http.available('*');
    dated(0);

    await passing(bench.clock, bench.clock, process.poll());

    expect(await process.http.available('*')).toBe(left - 2);
  });
});

describe('a first answer', () => {
  it('the first answer is believed; when the next ones have another time, the lookback is counted from theirs', async () => {
    const rows = [90, 20, 2].map((minutes) => attempt(NOW - minutes * MINUTE));
    await bench.start({ rows });
    bench.console.proxy.headers = ({ path }) => (path === LIST ? {} : { date: utc(0) });
    const lab = bench.lab({ initial_lookback: '1h' });

    await once(lab);

    expect(multiset(emittedRows(lab))).toEqual(multiset(rows.slice(1)));
    expect(bench.asked().length).toBeLessThan(5);
  });
});

describe('a cache that says how old its answer is', () => {
  it('an old answer of a cache covers what its own date says, and leaves the clock unchanged', async () => {
    const rows = [attempt(NOW - 20 * MINUTE), attempt(NOW - 2 * MINUTE)];
    await bench.start({ rows });
    const lab = bench.lab({ initial_lookback: '1h' });
    bench.console.proxy.headers = () => ({ date: utc(NOW - 10 * MINUTE), age: '600' });
    const pages = await once(lab);
    const cached = {
      emitted: multiset(emittedRows(lab)),
      next: cursorOf(lab)['next'],
      asked: bench.asked().length,
    };
    bench.console.proxy.headers = undefined;

    await lab.once();

    expect(cached).toEqual({ emitted: multiset(rows.slice(0, 1)), next: NOW - 11 * MINUTE, asked: 1 });
    expect(isComplete(pages)).not.toContain(true);
    expect(warnings(lab, /cache/)).toHaveLength(1);
    expect(cursorOf(lab)['ahead']).toBe(0);
    expect(multiset(emittedRows(lab))).toEqual(multiset(rows));
  });
});

describe('a proxy whose Date is ahead of the clock that dates the rows', () => {
  it.each(['10s', '5m', '2h'])(
    'a proxy whose Date is ahead of the console’s clock by %s loses no row',
    async (by) => {
      const ahead = { '10s': 10, '5m': 300, '2h': 7200 }[by] as number;
      await bench.start();
      const lab = bench.lab({ settle: '2s', overlap: '3s', initial_lookback: '1d' });
      await lab.once();
      for (let row = 0; row < 91; row += 1) {
        await bench.clock.advance(4 * SECOND);
        bench.console.add([attempt(bench.clock.now() - ahead * SECOND, { user_id: row })]);
        // Some rows appear late.
        if (row % 7 === 0)
          bench.console.add([attempt(bench.clock.now() - (ahead + 3) * SECOND, { user_id: row })]);
        if (row % 3 === 0) await lab.once();
      }
      await bench.clock.advance((ahead + 10) * SECOND);
      await lab.once();

      expect(multiset(emittedRows(lab))).toEqual(multiset(bench.console.rows as never));
    },
  );

  it('a poll begins overlap before the newest row, and at that row when nothing came for overlap', async () => {
    await bench.start({ rows: [attempt(NOW - 10 * MINUTE)] });
    const lab = bench.lab({ initial_lookback: '1h' });
    await lab.once();
    for (let minutes = 1; minutes <= 7; minutes += 1) {
      await bench.clock.advance(MINUTE);
      await lab.once();
    }

    const starts = bench.asked().map(({ from }) => from / MINUTE);
    expect(starts).toEqual([-60, -15, -15, -15, -15, -15, -10, -10]);
  });

  it('a poll never begins more than a slice back, and is one request', async () => {
    await bench.start({ rows: [attempt(NOW - 3 * HOUR)] });
    const lab = bench.lab({ initial_lookback: '4h', slice: '1h' });
    await lab.once();
    const before = bench.asked().length;
    await bench.clock.advance(MINUTE);

    await lab.once();

    const [last, ...others] = bench.asked().slice(before);
    expect(others).toEqual([]);
    expect((last?.to ?? 0) - (last?.from ?? 0)).toBe(HOUR);
  });
});

describe('a console whose clock was set back', () => {
  it.each([
    ['by half an hour', 30 * MINUTE, '7d'],
    ['by nearly initial_lookback', 50 * MINUTE, '1h'],
  ])(
    'a console whose clock was set back is followed once, %s, and no row is emitted twice',
    async (_, by, initial_lookback) => {
      const ours = new DrivenClock('2026-03-02T12:00:00Z');
      await bench.start({ rows: [50, 25, 15, 3, 2].map((minutes) => attempt(NOW - minutes * MINUTE)) });
      const lab = bench.lab({ initial_lookback }, ours);
      await lab.once();
      bench.clock.jump(-by);
      const before = bench.asked().length;
      for (let minutes = 0; minutes < 90; minutes += 1) {
        bench.console.add([attempt(bench.clock.now() - 1, { user_id: 1000 + minutes })]);
        await once(lab, ours);
        await ours.advance(MINUTE);
        await bench.clock.advance(MINUTE);
      }

      const shown = bench.console.rows.slice(0) as { attempt_time: number }[];
      const settled = shown.filter(({ attempt_time: at }) => at < Number(cursorOf(lab)['next']));
      expect(multiset(emittedRows(lab))).toEqual(multiset(settled as never));
      expect(warnings(lab, /clock was set back/)).toHaveLength(1);
      // One to be confirmed, one to go back.
      expect(bench.asked().length - before).toBe(92);
    },
  );

  it('a clock that was set back further than initial_lookback is a gap, and nothing from before is emitted', async () => {
    const ours = new DrivenClock('2026-03-02T12:00:00Z');
    const rows = [120, 30, 2].map((minutes) => attempt(NOW - minutes * MINUTE));
    await bench.start({ rows });
    const lab = bench.lab({ initial_lookback: '1h' }, ours);
    await lab.once();
    bench.clock.jump(-DAY);
    await once(lab, ours);
    await once(lab, ours);
    bench.clock.jump(DAY);
    await bench.clock.advance(MINUTE);
    await ours.advance(MINUTE);
    bench.console.add([attempt(NOW - 10 * SECOND)]);

    await once(lab, ours);

    expect(multiset(emittedRows(lab))).toEqual(multiset([...rows.slice(1), attempt(NOW - 10 * SECOND)]));
    expect(lab.gaps).toMatchObject([{ reason: 'clock-set-back', part: '' }]);
    expect(bench.asked().length).toBeLessThan(12);
  });
});

describe('a console whose clock is not ours', () => {
  it.each([
    ['an hour ahead', HOUR],
    ['an hour behind', -HOUR],
  ])(
    'a console whose clock is not ours is read at once after a start, with one request: %s',
    async (_, by) => {
      const ours = new DrivenClock('2026-03-02T12:00:00Z');
      ours.jump(-by);
      await bench.start({ rows: [attempt(NOW - 2 * MINUTE)] });
      const lab = bench.lab({}, ours);
      await lab.once();
      await ours.advance(10 * MINUTE);
      await bench.clock.advance(10 * MINUTE);
      bench.console.add([attempt(NOW + 8 * MINUTE)]);
      const before = bench.asked().length;

      await lab.once();

      expect(bench.asked().length - before).toBe(1);
      expect(lab.events).toHaveLength(2);
      expect(cursorOf(lab)['next']).toBe(NOW + 9 * MINUTE);
    },
  );

  it('the log warns once per process when the clocks differ by more than settle and overlap', async () => {
    const ours = new DrivenClock('2026-03-02T12:00:00Z');
    ours.jump(-7 * MINUTE);
    await bench.start();
    const lab = bench.lab({}, ours);
    await using process = lab.start();
    await process.poll();
    await process.poll();

    expect(warnings(lab, /clocks of the vendor and of this machine differ/)).toHaveLength(1);
  });
});
