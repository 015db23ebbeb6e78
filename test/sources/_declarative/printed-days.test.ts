import { expect, it } from 'vitest';
import { definition, simulated } from './lab.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const since = `since: "{{ format(from, 'yyyy-MM-dd') }}"`;
const until = 'until: "{{ iso(to) }}"';
const untilDay = `until: "{{ format(to, 'yyyy-MM-dd') }}"`;

it.each([
  { query: `${since}, ${until}`, window: 'filter: both, overlap: 5m' },
  { query: since, window: 'filter: from, overlap: 5m' },
  { query: since, window: 'filter: from, overlap: 0s, exclusive: true' },
])(
  'records of a request that prints days ($query, $window) are recognised at each poll of the day',
  async ({ query, window }) => {
    await using sample = await simulated(
      definition({
        request: `{ path: /records, query: { ${query} } }`,
        cursor: `{ window: { time: at, order: none, settle: 1m, initial_lookback: 1h, ${window} } }`,
        paging: '{ next_token: { from: next, query: cursor } }',
      }),
    );
    const add = (id: number) =>
      sample.vendor.add({
        id,
        at: new Date(sample.clock.now() - 5 * MINUTE).toISOString(),
        action: `a${id}`,
      });

    for (let hour = 0; hour < 30; hour += 1) {
      if (hour % 4 === 0) add(hour);
      await sample.poll();
      await sample.clock.advance(HOUR);
    }

    expect(sample.actions()).toEqual([0, 4, 8, 12, 16, 20, 24, 28].map((id) => `a${id}`));
    expect(sample.lab.gaps).toEqual([]);
  },
);

it('a window whose end is printed as a day is read when that day is over, and no request names a day to come', async () => {
  await using sample = await simulated(
    definition({
      request: `{ path: /records, query: { ${since}, ${untilDay} } }`,
      cursor:
        '{ window: { time: at, order: none, settle: 1m, initial_lookback: 1h, filter: both, overlap: 0s } }',
      paging: '{ next_token: { from: next, query: cursor } }',
    }),
  );
  const today = () => new Date(sample.clock.now()).toISOString().slice(0, 10);

  for (let hour = 0; hour < 48; hour += 1) {
    sample.vendor.add({
      id: hour,
      at: new Date(sample.clock.now()).toISOString(),
      action: `a${hour}`,
    });
    const [asked, day] = [sample.server.requests.length, today()];
    await sample.poll();
    for (const { query } of sample.server.requests.slice(asked))
      expect(String(query.get('until')) <= day).toBe(true);
    await sample.clock.advance(HOUR);
  }

  expect(sample.actions().length).toBeGreaterThan(24);
  expect(new Set(sample.actions()).size).toBe(sample.actions().length);
  expect(sample.lab.gaps).toEqual([]);
});
