import fc from 'fast-check';
import { expect, test } from 'vitest';
import { doubled, halved, readingStart, SHORTEST_SLICE } from '../../../src/sources/_kit/windows.ts';

test('a slice is halved down to the shortest one, and grows again to the configured one', () => {
  const slices: number[] = [];
  for (let slice: number | undefined = 10_000; slice !== undefined; slice = halved(slice)) slices.push(slice);
  expect(slices).toEqual([10_000, 5_000, 2_500, 1_250, SHORTEST_SLICE]);

  const grown: number[] = [];
  for (let slice: number | undefined = 1_000; slice !== undefined; slice = doubled(slice, 7_000))
    grown.push(slice);
  expect(grown).toEqual([1_000, 2_000, 4_000]);
});

test('a poll begins no later than what was read, less the overlap, and no earlier than the ledger knows', () => {
  const time = fc.integer({ min: 0, max: 1_000_000 });
  const reached = fc.record({ next: time, newest: time, known: time, quiet: fc.boolean() });
  fc.assert(
    fc.property(reached, time, time, time, (state, overlap, slice, settled) => {
      const start = readingStart(state, { overlap, slice, settled });

      expect(start).toBeGreaterThanOrEqual(state.known);
      expect(start).toBeLessThanOrEqual(Math.max(state.known, state.next - overlap));
    }),
  );
});
