import { describe, expect, it } from 'vitest';
import { drive } from '../../http/support/rig.ts';
import type { TestPipeline } from '../../support/test-pipeline.ts';
import type { BackfillPage, Span } from '../../../src/core/source.ts';
import type { LoginAttempt } from '../../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../../src/simulators/qradar-generator.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import { readPast } from '../../../src/sources/_qradar/poll.ts';
import type { Context } from '../../../src/sources/_qradar/schemas.ts';
import { attempt, consoleBench, DAY, HOUR, MINUTE, multiset, NOW } from './support.ts';

const bench = consoleBench();
const SPAN: Span = { from: NOW - 2 * DAY, to: NOW - DAY };

function rowsOf(count: number): LoginAttempt[] {
  return loginAttempts({
    random: seeded(count),
    count,
    from: SPAN.from - HOUR,
    to: SPAN.to + HOUR,
    shareMillisecond: 0.6,
  });
}

/** What a backfill gets; its ledger is empty, as after every later poll. */
function contextOf(lab: TestPipeline): Context {
  return {
    ...(lab.start().context as Context),
    scope: { id: '' },
    coverage: async () => [],
    known: async () => new Map(),
    async *ledger() {},
  };
}

async function read(lab: TestPipeline, span: Span, most = Infinity): Promise<BackfillPage[]> {
  const parts: BackfillPage[] = [];
  for await (const part of readPast(contextOf(lab), span)) {
    parts.push(part);
    if (parts.length === most) break;
  }
  return parts;
}

const recordsOf = (parts: readonly BackfillPage[]) =>
  parts.flatMap(({ observations }) => observations.map(({ record }) => record as LoginAttempt));

function within(rows: readonly LoginAttempt[], { from, to }: Span): LoginAttempt[] {
  return rows.filter(({ attempt_time: at }) => from <= at && at < to);
}

describe('backfill of a console', () => {
  it.each([
    { how: 'page by page', options: {}, config: { page_size: 7 } },
    { how: 'with pages smaller than a group of equal times', options: {}, config: { page_size: 2 } },
    { how: 'in slices', options: {}, config: { page_size: 50, slice: '3h' } },
    { how: 'of a console that refuses to sort', options: { refuseSort: true }, config: { page_size: 20 } },
    { how: 'of a console that caps its pages', options: { maxPage: 6 }, config: { page_size: 20 } },
  ])('a backfill emits with each page exactly what the page covers, $how', async ({ options, config }) => {
    const rows = rowsOf(120);
    await bench.start({ rows, ...options });

    const parts = await read(bench.lab(config), SPAN);

    const empty = parts.filter(({ covered }) => covered === undefined);
    const spans = parts.flatMap(({ covered }) => covered ?? []);
    expect(recordsOf(empty)).toEqual([]);
    expect(spans.map(({ from }) => from)).toEqual([SPAN.from, ...spans.slice(0, -1).map(({ to }) => to)]);
    expect(spans.at(-1)?.to).toBe(SPAN.to);
    for (const { covered = SPAN, ...part } of parts.filter((one) => !empty.includes(one))) {
      expect(multiset(recordsOf([part]))).toEqual(multiset(within(rows, covered)));
    }
  });

  it('a backfill continues after any page, when the process was killed, without a row too many or too few', async () => {
    const rows = rowsOf(60);
    await bench.start({ rows });
    const config = { page_size: 5 };
    const whole = await read(bench.lab(config), SPAN);

    for (let most = 1; most < whole.length; most += 1) {
      const before = await read(bench.lab(config), SPAN, most);
      const reached = before.reduce((at, { covered }) => covered?.to ?? at, SPAN.from);
      const after = await read(bench.lab(config), { from: reached, to: SPAN.to });
      expect(multiset(recordsOf([...before, ...after]))).toEqual(multiset(within(rows, SPAN)));
    }
  });

  it('a backfill gives rows the keys of a poll', async () => {
    await bench.start({ rows: rowsOf(80) });
    const lab = bench.lab({ page_size: 9, initial_lookback: '3d' });
    await lab.once();

    const parts = await read(bench.lab({ page_size: 4 }), SPAN);

    const keys = parts.flatMap(({ observations }) => observations.map(({ key }) => key));
    const polled = lab.pages
      .flatMap(({ observations }) => observations)
      .filter(({ at = 0 }) => SPAN.from <= at && at < SPAN.to);
    expect(new Set(keys).size).toBe(keys.length);
    expect(polled.length).toBeGreaterThan(0);
    expect(polled.every(({ key }) => keys.includes(key))).toBe(true);
    expect(keys).toHaveLength(within(bench.console.rows as LoginAttempt[], SPAN).length);
  });

  it('a backfill leaves what is not settled to polls', async () => {
    const rows = [NOW - 10 * MINUTE, NOW - MINUTE - 1, NOW - MINUTE, NOW - 1].map((time) => attempt(time));
    await bench.start({ rows });

    const parts = await read(bench.lab({ settle: '60s' }), { from: NOW - HOUR, to: NOW });

    expect(multiset(recordsOf(parts))).toEqual(multiset(rows.slice(0, 2)));
    expect(parts.at(-1)?.covered?.to).toBe(NOW - MINUTE);
  });

  it('a backfill requests shorter spans when the console times out', async () => {
    const rows = rowsOf(30);
    await bench.start({ rows });
    bench.slowBeyond(6 * HOUR);
    const lab = bench.lab({ timeout: '30s' });

    const parts = await drive(bench.clock, read(lab, SPAN), MINUTE);

    expect(multiset(recordsOf(parts))).toEqual(multiset(within(rows, SPAN)));
  });

  it('a backfill emits a row without a time once, and never as covered', async () => {
    await bench.start({ rows: rowsOf(30) });
    bench.console.addRaw(SPAN.from + HOUR, { user_id: 7 });

    const parts = await read(bench.lab({ page_size: 4, slice: '2h' }), SPAN);

    const malformed = parts.flatMap(({ observations }) => observations.filter(({ at }) => at === undefined));
    expect(malformed).toMatchObject([{ record: { user_id: 7 } }]);
  });
});
