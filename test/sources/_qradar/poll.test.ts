import { describe, expect, it } from 'vitest';
import { UnauthorisedError } from '../../../src/core/errors.ts';
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
  TOKEN,
  emittedRows,
} from './support.ts';

const bench = consoleBench();

const warningsOfOwnRows = (lab: TestPipeline) =>
  lab.lines.filter(({ msg }) => /ADMIN capability/.test(String(msg)));

describe('a first poll', () => {
  it('a first poll emits what is settled and within initial_lookback, and ends complete', async () => {
    const inside = [NOW - 7 * DAY, NOW - 6 * HOUR, NOW - MINUTE - 1].map((time) => attempt(time));
    await bench.start({ rows: [attempt(NOW - 7 * DAY - 1), ...inside, attempt(NOW - MINUTE)] });
    const lab = bench.lab();

    const pages = await lab.once();

    expect(multiset(emittedRows(lab))).toEqual(multiset(inside));
    expect(isComplete(pages)).toEqual([...pages.slice(1).map(() => false), true]);
    expect(cursorOf(lab)).toMatchObject({
      next: NOW - MINUTE,
      known: NOW - 7 * DAY,
      newest: NOW - MINUTE - 1,
    });
  });

  it('a first poll reads a long span in slices, and covers it without a hole', async () => {
    await bench.start();
    const lab = bench.lab({ initial_lookback: '3d', slice: '1d' });

    await lab.once();

    expect(bench.asked().map(({ from, to }) => [from, to])).toEqual([
      [-3 * DAY, -2 * DAY],
      [-2 * DAY, -DAY],
      [-DAY, -MINUTE],
    ]);
    expect(lab.covered).toEqual([
      { from: NOW - 3 * DAY, to: NOW - 2 * DAY },
      { from: NOW - 2 * DAY, to: NOW - DAY },
      { from: NOW - DAY, to: NOW - MINUTE },
    ]);
  });

  it.each([
    ['the list of users', { resolve_users: true }, '/api/config/access/users'],
    ['the release, when no names are wanted', { resolve_users: false }, '/api/system/about'],
  ])(
    'a first poll takes the console’s clock from %s, also when that is rejected',
    async (_, config, path) => {
      await bench.start();
      bench.console.onRequest = (request) => (request.path === path ? { status: 403, body: {} } : undefined);
      const ours = new DrivenClock('2019-01-01T00:00:00Z');
      const lab = bench.lab({ initial_lookback: '1h', ...config }, ours);

      await lab.once();

      expect(bench.console.requests[0]?.path).toBe(path);
      expect(bench.asked().map(({ from, to }) => [from, to])).toEqual([[-HOUR, -MINUTE]]);
    },
  );
});

describe('a first poll that is refused', () => {
  it.each([401, 403])(
    'a first poll that was rejected with %i is one request when it is tried again',
    async (status) => {
      await bench.start();
      bench.console.onRequest = () => ({ status, body: {} });
      await using process = bench.lab({ resolve_users: true }).start();
      await expect(process.poll()).rejects.toThrow(String(status));
      const before = bench.console.requests.length;
      await bench.clock.advance(HOUR);

      await expect(process.poll()).rejects.toThrow(String(status));

      expect(bench.console.requests.length - before).toBe(1);
    },
  );
});

describe('a later poll', () => {
  it('a poll with nothing new is one request: it moves the cursor, and emits nothing', async () => {
    await bench.start({ rows: [attempt(NOW - 2 * MINUTE)] });
    const lab = bench.lab({ resolve_users: true });
    await lab.once();
    const before = bench.console.requests.length;
    await bench.clock.advance(MINUTE);

    const pages = await lab.once();

    expect(bench.console.requests).toHaveLength(before + 1);
    expect(lab.events).toHaveLength(1);
    expect(pages).toMatchObject([{ complete: true, cursor: { next: NOW } }]);
  });

  it('a poll reads the overlap before the newest row again, for rows that came late', async () => {
    await bench.start({ rows: [attempt(NOW - 4 * MINUTE)] });
    const lab = bench.lab();
    await lab.once();
    bench.console.add([attempt(NOW - 9 * MINUTE), attempt(NOW - 4 * MINUTE), attempt(NOW - 9 * MINUTE - 1)]);

    await lab.once();

    expect(multiset(emittedRows(lab))).toEqual(
      multiset([attempt(NOW - 9 * MINUTE), attempt(NOW - 4 * MINUTE), attempt(NOW - 4 * MINUTE)]),
    );
  });

  it('a poll emits nothing twice when the overlap was increased in the meantime', async () => {
    await bench.start({ rows: [attempt(NOW - 30 * MINUTE)] });
    const lab = bench.lab();
    await lab.once();

    await lab.once({ overlap: '1h' });

    expect(lab.events).toHaveLength(1);
  });

  it('the ledger keeps only what may be read again if the console’s clock is set back', async () => {
    await bench.start({ rows: Array.from({ length: 500 }, (_, n) => attempt(NOW - DAY + n * 2 * MINUTE)) });
    const lab = bench.lab({ page_size: 50, initial_lookback: '1d' });
    await lab.once();
    await bench.clock.advance(HOUR * 23);

    await lab.once();

    expect(lab.events).toHaveLength(500);
    expect((await lab.ledgerOf()).size).toBeLessThan(50);
  });

  it('a poll continues when it took so long that more is settled', async () => {
    await bench.start({
      rows: [attempt(NOW - 30 * MINUTE), attempt(NOW - 20 * MINUTE), attempt(NOW + MINUTE)],
    });
    const lab = bench.lab({ initial_lookback: '1h', page_size: 2 });
    bench.console.onRequest = () => {
      if (bench.console.requests.length === 3) bench.clock.jump(10 * MINUTE);
      return undefined;
    };

    await lab.once();

    expect(lab.events).toHaveLength(3);
    expect(cursorOf(lab)['next']).toBe(NOW + 9 * MINUTE);
  });
});

describe('what is asked', () => {
  it('a request has the five fields, the sort, the token and the version', async () => {
    await bench.start();
    const lab = bench.lab({ initial_lookback: '1h', api_version: 27.0 });

    await lab.once();

    const request = bench.console.requests.find(({ path }) => path === LIST);
    expect(request?.query.get('fields')).toBe('attempt_time,user_id,remote_ip,attempt_result,attempt_method');
    expect(request?.query.get('sort')).toBe('+attempt_time');
    expect(request?.headers).toMatchObject({ sec: TOKEN, version: '27.0' });
  });

  it('polling by HTTP Basic logs a warning that it fills the list', async () => {
    await bench.start({ username: 'admin', password: 'a long password' });
    const lab = bench.lab({ token: undefined, username: 'admin', password: 'a long password' });

    await lab.once();

    expect(bench.console.requests.at(-1)?.headers['authorization']).toBe(
      `Basic ${btoa('admin:a long password')}`,
    );
    expect(lab.lines).toMatchObject([{ level: 40, msg: expect.stringContaining('HTTP_BASIC') as string }]);
  });
});

describe('a refusal', () => {
  it.each([
    [
      'a removed version',
      422,
      { message: 'Version (3.0) from header parameter (Version) has been removed' },
      /set api_version/,
    ],
    ['a filter', 422, { code: 1010, http_response: { code: 422 } }, /rejects the filter/],
    ['a path', 404, { code: 1002 }, /base_url is the console/],
  ])('a rejection of %s says what to do, and is requested once', async (_, status, body, advice) => {
    await bench.start();
    bench.console.onRequest = ({ path }) => (path === LIST ? { status, body } : undefined);
    const lab = bench.lab({ retries: 5 });

    await expect(lab.once()).rejects.toThrow(advice);

    expect(bench.asked()).toHaveLength(1);
  });

  it('a rejected credential ends the poll at its first request', async () => {
    await bench.start();
    bench.console.tokens.clear();
    const lab = bench.lab({ retries: 5, resolve_users: true });

    await expect(lab.once()).rejects.toThrow(UnauthorisedError);

    expect(bench.console.requests).toHaveLength(1);
  });
});

describe('a credential that is shown one user only', () => {
  it('a credential that is shown one user only is warned about once per process, until a second user is seen', async () => {
    await bench.start({ rows: [attempt(NOW - 3 * MINUTE)] });
    const lab = bench.lab();
    await using process = lab.start();

    await process.poll();
    await process.poll();
    const first = warningsOfOwnRows(lab).length;
    bench.console.add([attempt(NOW - 2 * MINUTE, { user_id: 8 })]);
    await lab.once();

    expect(first).toBe(1);
    expect(warningsOfOwnRows(lab)).toHaveLength(1);
  });
});
