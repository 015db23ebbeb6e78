import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Keyset } from '../../../src/sources/_kit/keyset.ts';

const UNIT = 10;

/** What a walk reads of a vendor that answers ascending rows from a time on, at most `cap` of them whatever is asked. */
function walk(times: readonly number[], { size, cap }: { readonly size: number; readonly cap: number }) {
  const rows = times.toSorted((a, b) => a - b).map((time, id) => ({ id, time }));
  const keyset = new Keyset({ size, unit: UNIT, cap: undefined });
  const seen = new Set<number>();
  const left: number[] = [];
  let requests = 0;
  for (let from: number | undefined = 0; from !== undefined;) {
    requests += 1;
    const lower = from;
    const page = rows.filter(({ time }) => time >= lower).slice(0, Math.min(size, cap));
    for (const { id } of page) seen.add(id);
    const newest = page.at(-1)?.time;
    const atNewest = page.filter(({ time }) => time === newest).length;
    const step = keyset.next({ from, received: page.length, newest, atNewest });
    const { gap } = step;
    if (gap !== undefined)
      for (const { id, time } of rows) if (gap.from <= time && time < gap.to) left.push(id);
    from = step.from;
  }
  return { rows, seen, left: new Set(left), requests };
}

test('every row is read, or is in a gap because its instant has more rows than a page holds', () => {
  // Whether the vendor cuts pages shows once a later row follows.
  const LATER = 1_000;
  const times = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 60 });
  const page = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(times, page, page, (all, size, cap) => {
      const { rows, seen, left, requests } = walk([...all, LATER], { size, cap });

      expect(rows.filter(({ id }) => !seen.has(id) && !left.has(id))).toEqual([]);
      expect(requests).toBeLessThanOrEqual(2 * all.length + 4);
    }),
    { numRuns: 2_000 },
  );
});

test('a last page that is exactly full is followed by one more request, and leaves no gap', () => {
  const { seen, left, requests } = walk([5, 25, 45, 65], { size: 2, cap: 100 });

  expect([seen.size, left.size]).toEqual([4, 0]);
  expect(requests).toBeLessThanOrEqual(5);
});
