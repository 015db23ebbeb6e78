import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../../src/core/source.ts';
import type { Position } from '../../../src/journal/delivery.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { decoded, encoded } from '../../support/records.ts';
import { events, held, page, STREAM } from '../support/commits.ts';
import type { JournalStore, Subject } from './subject.ts';

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
async function outcomeOf(state: JournalStore, steps: readonly Step[]) {
  const options = { clock: new DrivenClock(), retain: 0 };
  let store = await state.open(options);
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
        await store.trim(options.clock.now());
        break;
      case 'reopen':
        await store[Symbol.asyncDispose]();
        store = await state.open(options);
        await open();
    }
  };

  await open();
  for (const next of steps) await carryOut(next);
  const waiting = [await store.destinations.waiting('a'), await store.destinations.waiting('b')];
  const owed = [committed.length - got.a.length, committed.length - got.b.length];
  await advance('a', Infinity);
  await advance('b', Infinity);
  await store.trim(options.clock.now());
  const left = await held(store);
  await store[Symbol.asyncDispose]();
  return { committed, got, waiting, owed, left };
}

/** What holds of a journal whatever is done with it. */
export function describeProperties(subject: Subject, makeStore: () => Promise<JournalStore>): void {
  describe('whatever is done', () => {
    test('coverage equals a count of every instant', async () => {
      let scopes = 0;
      await fc.assert(
        fc.asyncProperty(spans, async (given) => {
          const { journal } = subject;
          const { key } = await journal.streams.open({ ...STREAM, scope: `${(scopes += 1)}` });

          for (const covered of given) await journal.commit(page({ stream: key, covered }));

          expect(await journal.coverage.of(key)).toEqual(coveredOneByOne(given));
        }),
        { numRuns: 40 },
      );
    });

    test('nothing that a destination lacks is ever trimmed, and no event is read twice', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          await using state = await makeStore();
          const { committed, got, waiting, owed, left } = await outcomeOf(state, steps);

          expect(waiting).toEqual(owed);
          expect(got).toEqual({ a: committed, b: committed });
          expect(left).toEqual([]);
        }),
        { numRuns: 15 },
      );
    });
  });
}
