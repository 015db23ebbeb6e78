import fc from 'fast-check';
import { expect, it } from 'vitest';
import { definition, simulated } from './lab.ts';
import { modelRuns } from '../../support/model-runs.ts';
import { failure, type Failure } from './failures.ts';

const POSITIONS = {
  'a cursor with has_more':
    '{ position: { from: cursor, more: has_more, time: at, as: epoch_ms, initial_lookback: 1h, expired: { status: [410] }, request: { query: { after: "{{ position }}" } } } }',
  'a cursor in a header without more':
    '{ position: { from: { header: x-cursor }, time: at, as: epoch_ms, initial_lookback: 1h, expired: { status: [410] }, request: { query: { after: "{{ position }}" } } } }',
  'the id of the last record':
    '{ position: { from: { last: id }, order: ascending, initial_lookback: 1h, request: { query: { after: "{{ position }}" } } } }',
} as const;

type Happening =
  | { readonly kind: 'add'; readonly count: number }
  | { readonly kind: 'poll'; readonly diesAfter: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'expire' }
  | Failure;

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), count: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ kind: fc.constant('poll' as const), diesAfter: fc.constantFrom(0, 1, 2, Infinity) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 600_000 }) }),
  fc.record({ kind: fc.constant('expire' as const) }),
  failure,
);

it.each(Object.entries(POSITIONS))(
  'with %s as position each record is one event, whenever a process dies, the vendor fails or the position expires',
  { timeout: 300_000 },
  async (_, cursor) => {
    const text = definition({
      request: '{ path: /records, query: { since: "{{ epoch_ms(from) }}" } }',
      cursor,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { minLength: 3, maxLength: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(2, 1_000),
        async (happenings, cap, pages) => {
          await using sample = await simulated(text, { cap, pages });
          let added = 0;
          for (const one of happenings) {
            if (one.kind === 'pass') await sample.clock.advance(one.ms);
            else if (one.kind === 'poll') await sample.poll(one.diesAfter).catch(() => undefined);
            else if (one.kind === 'fail') sample.server.script.push(one.answer);
            // Without `expired` such an answer is an error.
            else if (one.kind === 'expire' && cursor.includes('expired')) sample.vendor.expire();
            else if (one.kind === 'add')
              for (let n = 0; n < one.count; n += 1) {
                sample.vendor.add({ id: `r${added}`, at: sample.clock.now(), action: `a${added}` });
                added += 1;
              }
          }
          sample.server.script.length = 0;
          for (let polls = 0; polls < 100; polls += 1)
            if ((await sample.poll()).at(-1)?.complete === true) break;

          const expected = Array.from({ length: added }, (_, n) => `a${n}`);
          expect(sample.actions().toSorted()).toEqual(expected.toSorted());
          // What the vendor still has is read again, so a gap is only in front of the first record that it sends.
          expect(
            sample.lab.gaps.every(({ from, to, reason }) => from < to && reason === 'position-expired'),
          ).toBe(true);
        },
      ),
      { numRuns: modelRuns(20) },
    );
  },
);
