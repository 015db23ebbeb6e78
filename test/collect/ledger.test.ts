import { expect, test } from 'vitest';
import { openCounting } from './support.ts';

const MIB = 2 ** 20;

/** Rows whose ids are long, as URIs are that an attacker chooses. */
function rowsOf(count: number, name: string, declined = 1): object[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `/${name}/${index}/${'x'.repeat(250)}`,
    requestUri: `/${name}/${index}`,
    declinedReqCount: declined,
  }));
}

test('a series with a long id costs its row, and a hash of its key', async () => {
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

test('at its bound the ledger loses its oldest entries, a gap says which, and every source goes on', async () => {
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
  const told = counting.logged().filter((line) => JSON.stringify(line).includes('"reason":"ledger-full"'));
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
  expect(told.length).toBe(shipped.length);
  expect(warned).toHaveLength(3);
  const quiet = counting.arrived().filter((event) => String(event['botbye.project.id']) === 'quiet');
  expect(quiet).toHaveLength(9);
});

test('ids that end in different halves of a pair are two series: nothing swings', async () => {
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
