import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uncovered } from '../../src/core/span.ts';

const span = fc
  .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 10 }))
  .map(([from, length]) => ({ from, to: from + length }));

const holds = (spans: readonly { from: number; to: number }[], at: number) =>
  spans.some(({ from, to }) => from <= at && at < to);

describe('uncovered', () => {
  it('uncovered returns what the others leave of a span, in pieces that do not touch', () => {
    fc.assert(
      fc.property(span, fc.array(span, { maxLength: 6 }), (whole, others) => {
        const rest = uncovered(whole, others);

        for (let at = 0; at < 45; at += 1)
          expect(holds(rest, at)).toBe(holds([whole], at) && !holds(others, at));
        for (const [index, piece] of rest.slice(1).entries())
          expect(piece.from).toBeGreaterThan(rest[index]?.to ?? 0);
      }),
    );
  });
});
