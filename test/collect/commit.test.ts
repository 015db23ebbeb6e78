import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { openCounting } from './support.ts';

const MIB = 2 ** 20;
const MINUTE = 60_000;

test('what a full journal kept from being read is logged at once, and shipped when there is room', async () => {
  await using counting = await openCounting({
    rows: () => [{ id: 'a', declinedReqCount: 1 }],
    sources: { shop: { schedule: 'every 1m' } },
    state: { max_bytes: '8MiB', retain: '0s' },
    mode: 'run',
  });
  const { lab, receiver } = counting;
  receiver.answer = () => ({ status: 503 });
  const { journal } = await lab.open();
  lab.start();
  await lab.advance(2 * MINUTE);
  const [stream] = await journal.streams.all();
  if (stream === undefined) throw new Error('It was polled.');
  for (let page = 0; page < 16; page += 1) {
    const event = {
      'event.dataset': 'botbye.declined_requests',
      message: randomBytes(MIB / 2).toString('latin1'),
    };
    await journal.commit({
      stream: stream.key,
      source: 'shop',
      dataset: 'botbye.declined_requests',
      lane: 'live',
      observedAt: counting.clock.now(),
      events: [{ uid: `filler ${page}`, event }],
      ledger: [],
      cursor: undefined,
      gaps: [],
      closedGaps: [],
      complete: false,
      deferred: 0,
    });
  }
  const gapLines = () =>
    counting.logged().filter((line) => JSON.stringify(line).includes('"reason":"journal-full"'));
  const shipped = () => counting.arrived().filter((event) => event['event.reason'] === 'journal-full');

  await lab.advance(5 * MINUTE);
  const full = await journal.gaps.of(stream.key);
  const loggedWhileFull = gapLines().length;
  const shippedWhileFull = shipped().length;
  receiver.answer = () => ({ status: 200 });
  await lab.advance(10 * MINUTE);

  expect(full).toMatchObject([{ reason: 'journal-full', unemitted: true, closed: undefined }]);
  expect([loggedWhileFull, shippedWhileFull]).toEqual([1, 0]);
  expect(gapLines()).toHaveLength(2);
  expect(shipped()).toHaveLength(1);
  const [gap] = await journal.gaps.of(stream.key);
  expect(gap?.unemitted).toBeUndefined();
  expect(gap).toMatchObject({ from: full[0]?.from, to: full[0]?.to });
  expect(shipped()[0]).toMatchObject({
    'penstock.gap.from': new Date(gap?.from ?? 0).toISOString(),
    'penstock.gap.to': new Date(gap?.to ?? 0).toISOString(),
  });
});
