import fc from 'fast-check';
import { expect, it } from 'vitest';
import { definition, simulated } from './lab.ts';
import { modelRuns } from '../../support/model-runs.ts';

const MINUTE = 60_000;

const CURSORS = {
  ascending:
    '{ window: { time: at, as: epoch_ms, order: ascending, settle: 1m, overlap: 2m, initial_lookback: 30m, slice: 20m } }',
  descending:
    '{ window: { time: at, as: epoch_ms, order: descending, settle: 1m, overlap: 2m, initial_lookback: 30m, slice: 20m } }',
  snapshot: '{ snapshot: {} }',
} as const;

const PAGING = {
  offset: '{ offset: { query: offset, size: 3 } }',
  page: '{ page: { query: page, size: 3 } }',
  next_token: '{ next_token: { from: next, query: cursor } }',
} as const;

interface Record {
  readonly id: number;
  readonly version: number;
  readonly at: number;
}

/** What happens to the vendor's records before an answer, or between two polls. */
type Change = { readonly kind: 'insert' | 'update' | 'delete'; readonly which: number };

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('insert', 'update', 'update', 'delete'),
  which: fc.nat(20),
});

const poll = fc.record({
  /** Changes before each of its first answers. */
  during: fc.array(fc.array(change, { maxLength: 2 }), { maxLength: 6 }),
  diesAfter: fc.constantFrom(1, 2, Infinity, Infinity),
  after: fc.integer({ min: 1, max: 5 * MINUTE }),
});

/** Records leave a page that was read before, so a later one moves past the walk, and nothing in it is new. */
const LEAVING: readonly (typeof poll extends fc.Arbitrary<infer Drawn> ? Drawn : never)[] = [
  { during: [[{ kind: 'delete', which: 0 }]], diesAfter: 1, after: 109_033 },
  { during: [], diesAfter: 1, after: 71_967 },
  {
    during: [
      [{ kind: 'update', which: 3 }],
      [
        { kind: 'update', which: 0 },
        { kind: 'update', which: 10 },
      ],
    ],
    diesAfter: Infinity,
    after: 1,
  },
];

it.each(
  Object.keys(CURSORS).flatMap((cursor) => Object.keys(PAGING).map((paging) => [cursor, paging] as const)),
)(
  'with the cursor %s and the paging %s, the last version of each record is an event, and no version is two',
  { timeout: 600_000 },
  async (cursor, paging) => {
    const isWindow = cursor !== 'snapshot';
    const text = definition({
      request: isWindow
        ? '{ path: /records, query: { from: "{{ epoch_ms(from) }}", to: "{{ epoch_ms(to) }}" } }'
        : '{ path: /records }',
      cursor: CURSORS[cursor as keyof typeof CURSORS],
      paging: PAGING[paging as keyof typeof PAGING],
      compare: '[version]',
      map: '{ event.code: version }',
    });
    await fc.assert(
      fc.asyncProperty(fc.array(poll, { minLength: 1, maxLength: 5 }), async (polls) => {
        await using sample = await simulated(text, { cap: 3 });
        const records = new Map<number, Record>();
        let number = 0;
        const apply = ({ kind, which }: Change) => {
          const ids = [...records.keys()];
          const id = kind === 'insert' || ids.length === 0 ? (number += 1) : (ids[which % ids.length] ?? 0);
          const is = (record: unknown) => (record as Record).id === id;
          if (kind === 'delete' && records.has(id)) {
            sample.vendor.remove(is);
            records.delete(id);
            return;
          }
          const next = { id, version: (records.get(id)?.version ?? 0) + 1, at: sample.clock.now() };
          records.set(id, next);
          sample.vendor.replace(is, next);
        };
        for (let n = 0; n < 7; n += 1) apply({ kind: 'insert', which: 0 });
        for (const { during, diesAfter, after } of polls) {
          const left = [...during];
          sample.vendor.onAnswer = () => left.shift()?.forEach(apply);
          await sample.poll(diesAfter);
          sample.vendor.onAnswer = undefined;
          await sample.clock.advance(after);
        }
        await sample.clock.advance(2 * MINUTE);
        await sample.poll();
        await sample.poll();

        const emitted = sample.lab.events.map(({ event }) => `${event['event.id']} ${event['event.code']}`);
        expect(emitted).toEqual(
          expect.arrayContaining([...records.values()].map(({ id, version }) => `${id} ${version}`)),
        );
        expect(new Set(emitted).size).toBe(emitted.length);
        expect(new Set(sample.lab.events.map(({ uid }) => uid)).size).toBe(emitted.length);
      }),
      { numRuns: modelRuns(10), examples: [[[...LEAVING]]] },
    );
  },
);
