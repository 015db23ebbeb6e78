import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { openCounting } from './support.ts';
import { encoded } from '../support/records.ts';

const MIB = 2 ** 20;
const MINUTE = 60_000;

test('a gap that a full journal causes is logged at once, and shipped when there is room', async () => {
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
  for (let page = 0; page < 18; page += 1) {
    const event = {
      'event.dataset': 'botbye.declined_requests',
      message: randomBytes(0.6 * MIB).toString('base64'),
    };
    await journal.commit({
      stream: stream.key,
      source: 'shop',
      observedAt: counting.clock.now(),
      records: encoded([{ uid: `filler ${page}`, event }]),
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

/** Rows whose ids are long, as URIs are that an attacker chooses. */
function rowsOf(count: number, name: string, declined = 1): object[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `/${name}/${index}/${'x'.repeat(250)}`,
    requestUri: `/${name}/${index}`,
    declinedReqCount: declined,
  }));
}

test('the ledger stores a hash of a long id', async () => {
  await using counting = await openCounting({
    rows: () => rowsOf(2_500, 'uri'),
    sources: { shop: {} },
    state: { max_bytes: '8MiB' },
  });
  await counting.pass();
  const app = await counting.lab.open();

  const { entries, bytes } = await app.journal.ledger.sizeOf('shop');

  expect(entries).toBe(2_500);
  expect(bytes / entries).toBeLessThan(800);
  expect(await app.journal.room(counting.clock.now())).toBe('free');
});

test('at its bound the ledger forgets its oldest entries, a gap says which, and every source continues', async () => {
  let answer = 0;
  await using counting = await openCounting({
    rows: ({ path }) => (path.includes('/quiet/') ? rowsOf(3, 'quiet', answer) : rowsOf(2_000, `${answer}`)),
    sources: { noisy: { ledger: { max: '1MiB' } }, quiet: { project_ids: ['quiet'] } },
  });
  const { clock } = counting;
  for (answer = 1; answer <= 3; answer += 1) {
    const { polls } = await counting.pass();
    expect(polls.map(({ outcome }) => outcome)).toEqual(['complete', 'complete']);
    await clock.advance(10 * 60_000);
  }
  const { journal } = await counting.lab.open();

  const noisy = await journal.ledger.sizeOf('noisy');
  const gaps = (await journal.gaps.of()).filter(({ reason }) => reason === 'ledger-full');
  const shipped = counting.arrived().filter((event) => event['event.reason'] === 'ledger-full');
  const logged = counting.logged().filter((line) => JSON.stringify(line).includes('"reason":"ledger-full"'));
  const warned = counting
    .logged()
    .filter(({ message }) => String(message).startsWith('The ledger is nearly at ledger.max'));

  expect(noisy.bytes).toBeLessThanOrEqual(MIB);
  expect(noisy.bytes).toBeGreaterThan(MIB / 2);
  expect(gaps).toHaveLength(1);
  expect(gaps[0]).toMatchObject({ closed: undefined });
  expect(gaps[0]?.unemitted).toBeUndefined();
  expect(shipped.length).toBeGreaterThan(0);
  expect(shipped[0]).toMatchObject({ 'penstock.gap.source': 'noisy', 'event.dataset': 'penstock.gaps' });
  expect(logged.length).toBe(shipped.length);
  expect(warned).toHaveLength(3);
  const quiet = counting.arrived().filter((event) => String(event['botbye.project.id']) === 'quiet');
  expect(quiet).toHaveLength(9);
});

test('ids that end in different halves of a surrogate pair are separate series', async () => {
  const ids = ['\ud83d', '\ud83e', '\ud83d\ude00', '�'];
  await using counting = await openCounting({
    rows: () => ids.map((id, index) => ({ id, declinedReqCount: 10 * (index + 1) })),
    sources: { shop: {} },
  });

  const passes = [];
  for (let run = 0; run < 3; run += 1) {
    passes.push((await counting.pass()).polls[0]?.stats);
    await counting.clock.advance(60_000);
  }

  expect(passes).toMatchObject([
    { new: 4, updated: 0 },
    { new: 0, updated: 0 },
    { new: 0, updated: 0 },
  ]);
  const uids = counting.receiver.received().map(({ record }) => record.attributes['log.record.uid']);
  expect(new Set(uids).size).toBe(4);
});
