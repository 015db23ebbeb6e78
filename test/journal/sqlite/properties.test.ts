import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Journal } from '../../../src/journal/journal.ts';
import type { Position } from '../../../src/journal/delivery.ts';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import type { Span } from '../../../src/core/source.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { events, held, page, STREAM } from '../support/commits.ts';
import { options } from '../support/states.ts';
import { decoded, encoded } from '../../support/records.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let journal: Journal;
let scopes = 0;

beforeAll(async () => {
  directory = await temporaryDirectory();
  journal = await openJournal(options(join(directory.path, 'shared')));
});

afterAll(async () => {
  await journal[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const spans = fc.array(
  fc.tuple(fc.nat(20), fc.nat(20)).map(([from, to]) => ({ from, to })),
  { minLength: 1, maxLength: 8 },
);

/** What is covered, second by second, as spans. */
function coveredOneByOne(given: readonly Span[]): readonly Span[] {
  const merged: { from: number; to: number }[] = [];
  for (let at = 0; at <= 20; at += 1) {
    if (!given.some(({ from, to }) => from <= at && at < to)) continue;
    const last = merged.at(-1);
    if (last?.to === at) last.to = at + 1;
    else merged.push({ from: at, to: at + 1 });
  }
  return merged;
}

test('coverage equals a count of every instant', async () => {
  await fc.assert(
    fc.asyncProperty(spans, async (given) => {
      const { key } = await journal.streams.open({ ...STREAM, scope: `${(scopes += 1)}` });

      for (const covered of given) await journal.commit(page({ stream: key, covered }));

      expect(await journal.coverage.of(key)).toEqual(coveredOneByOne(given));
    }),
    { numRuns: 40 },
  );
});

test('no window ever holds more than its quota, and a refused request is granted at the time that was named', async () => {
  const quotas = fc.record({
    requests: fc.integer({ min: 1, max: 4 }),
    per: fc.integer({ min: 1, max: 30 }),
  });
  const waits = fc.array(fc.nat(15), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(waits, quotas, async (waits, quota) => {
      const budget = `budget ${(scopes += 1)}`;
      const granted: number[] = [];
      let now = 1_000;
      for (const wait of waits) {
        now += wait;
        const again = await journal.quotas.spend(budget, quota, now);
        const asked = Math.max(now, again);
        const answer = again === 0 ? 0 : await journal.quotas.spend(budget, quota, asked);
        expect(answer).toBe(0);
        granted.push(asked);
        now = asked;
      }

      const busiest = granted.map(
        (start) => granted.filter((at) => at >= start && at < start + quota.per).length,
      );
      expect(Math.max(...busiest)).toBeLessThanOrEqual(quota.requests);
    }),
    { numRuns: 25 },
  );
});

test('a clock that jumps anywhere never blocks a quota for longer than a window', async () => {
  const times = fc.array(fc.nat(200), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(times, async (times) => {
      const budget = `budget ${(scopes += 1)}`;

      for (const now of times) {
        const again = await journal.quotas.spend(budget, { requests: 1, per: 20 }, now);
        expect(again === 0 || (again > now && again <= now + 40)).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});

type Step =
  | { readonly do: 'commit'; readonly count: number }
  | { readonly do: 'advance'; readonly destination: 'a' | 'b'; readonly by: number }
  | { readonly do: 'trim' }
  | { readonly do: 'reopen' };

const step = fc.oneof(
  fc.record({ do: fc.constant('commit' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    do: fc.constant('advance' as const),
    destination: fc.constantFrom('a' as const, 'b' as const),
    by: fc.nat(4),
  }),
  fc.record({ do: fc.constant('trim' as const) }),
  fc.record({ do: fc.constant('reopen' as const) }),
);

/** Reads from a position as a destination does, so many events, and returns where that ends. */
async function take(
  store: Journal,
  from: Position,
  count: number,
): Promise<{ uids: string[]; position: Position }> {
  const uids: string[] = [];
  let position = from;
  while (uids.length < count) {
    const next = await store.pages.read(position);
    if (next === undefined) break;
    const offset = next.sequence === position.sequence ? position.offset : 0;
    const taken = decoded(next).slice(offset, offset + count - uids.length);
    uids.push(...taken.map(({ uid }) => uid));
    position = { sequence: next.sequence, offset: offset + taken.length };
  }
  return { uids, position };
}

/** What a store held and gave after commits, deliveries, trims and restarts in any order, and then a last delivery. */
async function outcomeOf(path: string, steps: readonly Step[]) {
  let store = await openJournal(options(path));
  const committed: string[] = [];
  const got = { a: [] as string[], b: [] as string[] };
  const open = async () => {
    await store.streams.open(STREAM);
    await store.destinations.open(['a', 'b'], 0);
  };
  const advance = async (destination: 'a' | 'b', by: number) => {
    const state = (await store.destinations.all()).find(({ name }) => name === destination);
    const { uids, position } = await take(store, state?.position ?? { sequence: 0, offset: 0 }, by);
    got[destination].push(...uids);
    await store.acknowledge(destination, { position, response: '200', now: 0 });
  };
  const carryOut = async (next: Step) => {
    switch (next.do) {
      case 'commit': {
        const added = events(next.count, `${committed.length}`);
        await store.commit(page({ records: encoded(added) }));
        committed.push(...added.map(({ uid }) => uid));
        break;
      }
      case 'advance':
        await advance(next.destination, next.by);
        break;
      case 'trim':
        await store.trim(Date.now());
        break;
      case 'reopen':
        await store[Symbol.asyncDispose]();
        store = await openJournal(options(path));
        await open();
    }
  };

  await open();
  for (const next of steps) await carryOut(next);
  const waiting = [await store.destinations.waiting('a'), await store.destinations.waiting('b')];
  const owed = [committed.length - got.a.length, committed.length - got.b.length];
  await advance('a', Infinity);
  await advance('b', Infinity);
  await store.trim(Date.now());
  const left = await held(store);
  await store[Symbol.asyncDispose]();
  return { committed, got, waiting, owed, left };
}

test('nothing that a destination lacks is ever trimmed, and no event is read twice', async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const { committed, got, waiting, owed, left } = await outcomeOf(
        join(directory.path, `${(runs += 1)}`),
        steps,
      );

      expect(waiting).toEqual(owed);
      expect(got).toEqual({ a: committed, b: committed });
      expect(left).toEqual([]);
    }),
    { numRuns: 15 },
  );
});
