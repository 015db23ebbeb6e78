import { expect, it } from 'vitest';
import { definition, simulated } from './lab.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const text = (order: string) =>
  definition({
    request: '{ path: /records, query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}" } }',
    cursor: `{ window: { time: at, order: ${order}, settle: 1m, overlap: 5m, initial_lookback: 1h } }`,
    paging: '{ next_token: { from: next, query: cursor } }',
  });

/** A vendor whose clock is `ahead()` of ours. */
async function apart(order: string, ahead: () => number) {
  const sample = await simulated(text(order), { cap: 2 });
  const vendorNow = () => sample.clock.now() + ahead();
  sample.server.proxy.headers = () => ({ date: new Date(vendorNow()).toUTCString() });
  let number = 0;
  const add = (minutesAgo: number) => {
    const action = `a${(number += 1)}`;
    sample.vendor.add({ id: number, at: new Date(vendorNow() - minutesAgo * MINUTE).toISOString(), action });
  };
  return { ...sample, add };
}

it.each([
  ['ascending', 180],
  ['ascending', -180],
  ['none', 180],
  ['descending', -180],
])(
  'in order %s, windows follow a vendor’s clock that is %i minutes ahead, from the first poll on',
  async (order, minutes) => {
    await using sample = await apart(order, () => minutes * MINUTE);
    for (const ago of [50, 30, 20, 5]) sample.add(ago);

    const pages = await sample.poll();

    expect(sample.actions().toSorted()).toEqual(['a1', 'a2', 'a3', 'a4']);
    expect(pages.at(-1)?.complete).toBe(true);
    await sample.clock.advance(10 * MINUTE);
    sample.add(2);
    await sample.poll();
    expect(sample.actions()).toHaveLength(5);
    expect(sample.lab.gaps).toEqual([]);
  },
);

it.each(['ascending', 'descending', 'none'])(
  'in order %s, records that are dated in what was read are read after the vendor’s clock was set back',
  async (order) => {
    let ahead = 0;
    await using sample = await apart(order, () => ahead);
    sample.add(30);
    await sample.poll();
    ahead = -20 * MINUTE;
    await sample.clock.advance(5 * MINUTE);
    sample.add(2);
    await sample.poll();
    await sample.clock.advance(5 * MINUTE);
    await sample.poll();

    expect(sample.actions()).toEqual(['a1', 'a2']);
    expect(new Set(sample.lab.events.map(({ uid }) => uid)).size).toBe(2);
  },
);

it.each(['ascending', 'descending', 'none'])(
  'in order %s, records are read at once after our clock was set back',
  async (order) => {
    let ahead = 0;
    await using sample = await apart(order, () => ahead);
    await sample.poll();
    sample.clock.jump(-7 * HOUR);
    ahead = 7 * HOUR;
    sample.add(0);
    await sample.clock.advance(2 * MINUTE);

    await sample.poll();

    expect(sample.actions()).toEqual(['a1']);
    expect(sample.lab.gaps).toEqual([]);
  },
);
