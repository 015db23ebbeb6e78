import { describe, expect, it } from 'vitest';
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
  emittedRows,
} from './support.ts';

const bench = consoleBench();

describe('paging', () => {
  it('paging begins at the last time seen, and grows the offset only within one time', async () => {
    const ties = [1, 2, 3, 4, 5].map((user_id) => attempt(NOW - 30 * MINUTE, { user_id }));
    await bench.start({ rows: [attempt(NOW - 40 * MINUTE), ...ties, attempt(NOW - 20 * MINUTE)] });
    const lab = bench.lab({ initial_lookback: '1h', page_size: 2 });

    await lab.once();

    expect(lab.events).toHaveLength(7);
    expect(bench.asked().map(({ from, range }) => [from / MINUTE, range])).toEqual([
      [-60, 'items=0-1'],
      [-30, 'items=0-1'],
      [-30, 'items=2-3'],
      [-30, 'items=4-5'],
      [-20, 'items=0-1'],
    ]);
  });

  it('the offset grows by the rows received when the console sends fewer than requested', async () => {
    const ties = [1, 2, 3, 4, 5].map((user_id) => attempt(NOW - 30 * MINUTE, { user_id }));
    await bench.start({ rows: ties, maxPage: 2 });
    const lab = bench.lab({ initial_lookback: '30m' });

    await lab.once();

    expect(lab.events).toHaveLength(5);
    expect(bench.asked().map(({ range }) => range)).toEqual(['items=0-999', 'items=2-1001', 'items=4-1003']);
  });

  it.each([
    ['is honest', undefined],
    ['is missing', () => undefined],
    ['is nonsense', () => 'bytes 0-1/2'],
    [
      'counts what was received',
      ({ first, last }: { first?: number | undefined; last?: number | undefined }) =>
        `items ${first}-${last}/${(last ?? 0) - (first ?? 0) + 1}`,
    ],
    [
      'ends with the page',
      ({ first, last }: { first?: number | undefined; last?: number | undefined }) =>
        `items ${first}-${last}/${(last ?? 0) + 1}`,
    ],
    [
      'has no total',
      ({ first, last }: { first?: number | undefined; last?: number | undefined }) =>
        `items ${first}-${last}/*`,
    ],
  ])('full pages are read to the end when Content-Range %s', async (_, contentRange) => {
    const rows = Array.from({ length: 11 }, (_, n) =>
      attempt(NOW - 30 * MINUTE + (n >> 2), { user_id: n % 2 }),
    );
    await bench.start({ rows, ...(contentRange && { contentRange }) });
    const lab = bench.lab({ initial_lookback: '1h', page_size: 2 });

    await lab.once();

    expect(multiset(emittedRows(lab))).toEqual(multiset(rows));
  });

  it('416 ends the list', async () => {
    await bench.start({ rows: [attempt(NOW - 30 * MINUTE), attempt(NOW - 30 * MINUTE)] });
    const lab = bench.lab({ initial_lookback: '30m', page_size: 2 });
    bench.console.onRequest = ({ headers }) =>
      headers['range'] === 'items=2-3' ? { status: 416, body: {} } : undefined;

    const pages = await lab.once();

    expect(lab.events).toHaveLength(2);
    expect(isComplete(pages)).toEqual([false, true]);
  });

  it('more equal rows than fit a page are all emitted', async () => {
    await bench.start({
      rows: Array.from({ length: 9 }, () => attempt(NOW - 30 * MINUTE)),
      contentRange: () => undefined,
    });
    const lab = bench.lab({ initial_lookback: '1h', page_size: 2 });

    await lab.once();
    await lab.once();

    expect(lab.events).toHaveLength(9);
  });
});

describe('a console that does not keep to its document', () => {
  it('the poll fails when the console ignores Range', async () => {
    const same = [attempt(NOW - 30 * MINUTE), attempt(NOW - 30 * MINUTE)];
    await bench.start();
    bench.console.onRequest = ({ path }) => (path === LIST ? { status: 200, body: same } : undefined);
    const lab = bench.lab({ initial_lookback: '1h', page_size: 2 });

    await expect(lab.once()).rejects.toThrow(/the Range header is ignored/);

    expect(lab.events).toHaveLength(2);
  });

  it('a console that ignores Range is read when everything comes in one answer', async () => {
    await bench.start({ rows: [40, 30, 30, 20].map((minutes) => attempt(NOW - minutes * MINUTE)) });
    bench.console.onRequest = ({ headers }) => void Object.assign(headers, { range: undefined });
    const lab = bench.lab({ initial_lookback: '1h', page_size: 2 });

    await lab.once();
    await lab.once();

    expect(lab.events).toHaveLength(4);
  });

  it('the poll fails when the console ignores the filter', async () => {
    await bench.start();
    const history = [1, 2, 3, 4].map((day) => attempt(NOW - (30 - day) * DAY));
    bench.console.onRequest = ({ path }) => (path === LIST ? { status: 200, body: history } : undefined);
    const lab = bench.lab({ initial_lookback: '1h', page_size: 4 });

    await expect(lab.once()).rejects.toThrow(/the filter is ignored/);

    expect(lab.events).toHaveLength(0);
  });

  it('a row that was not asked for is emitted, once', async () => {
    await bench.start();
    bench.console.onRequest = ({ path }) =>
      path === LIST ? { status: 200, body: [attempt(42)] } : undefined;
    const lab = bench.lab({ initial_lookback: '1h' });

    await lab.once();
    for (let hours = 0; hours < 3; hours += 1) {
      await bench.clock.advance(HOUR);
      await lab.once();
    }

    expect(lab.events.map(({ event }) => event['@timestamp'])).toEqual(['1970-01-01T00:00:00.042Z']);
  });

  it.each(['refuses to sort', 'ignores sort'])(
    'windows are read whole and sorted here when the console %s',
    async (how) => {
      const rows = Array.from({ length: 9 }, (_, n) => attempt(NOW - (30 - (n >> 1)) * MINUTE));
      await bench.start({ rows, refuseSort: how === 'refuses to sort' });
      if (how !== 'refuses to sort') {
        bench.console.onRequest = ({ query }) => {
          query.delete('sort');
          return undefined;
        };
      }
      const lab = bench.lab({ initial_lookback: '1h', page_size: 4 });

      const pages = await lab.once();
      await lab.once();

      expect(multiset(emittedRows(lab))).toEqual(multiset(rows));
      const times = emittedRows(lab).map(({ attempt_time }) => Number(attempt_time));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(pages.map(({ observations }) => observations.length)).toEqual([0, 4, 4, 1]);
    },
  );

  it('a console that refused to sort is not asked to sort again, also not by a later process', async () => {
    await bench.start({ refuseSort: true, rows: [attempt(NOW - 30 * MINUTE)] });
    const lab = bench.lab();

    await lab.once();
    await lab.once();

    expect(bench.console.requests.filter(({ query }) => query.has('sort'))).toHaveLength(1);
  });

  it('the poll fails when the answer is not a list', async () => {
    await bench.start();
    bench.console.onRequest = ({ path }) =>
      path === LIST ? { status: 200, body: { message: 'Hello' } } : undefined;
    const lab = bench.lab();

    await expect(lab.once()).rejects.toThrow(/not a JSON array/);

    expect(cursorOf(lab)).toBeUndefined();
  });
});
