import { expect, test } from 'vitest';
import { Cached, isFirst } from '../../../src/sources/_kit/memo.ts';

test('a notice is the first one once in each source', () => {
  const [one, other] = [{ memo: new Map() }, { memo: new Map() }];

  expect([isFirst(one, 'a'), isFirst(one, 'a'), isFirst(one, 'b'), isFirst(other, 'a')]).toEqual([
    true,
    false,
    true,
    true,
  ]);
});

test('what was read is fresh for its life, also when the clock is set back, and known for longer', () => {
  const names = new Cached<string>('names', 1_000);
  let now = 50_000;
  const context = { memo: new Map<string, unknown>(), now: () => now };
  expect([names.fresh(context), names.last(context)]).toEqual([undefined, undefined]);

  names.keep(context, 'read', now);
  const seen = [0, 999, 1_000, -999, -1_000].map((passed) => {
    now = 50_000 + passed;
    return names.fresh(context);
  });

  expect(seen).toEqual(['read', 'read', undefined, 'read', undefined]);
  expect(names.last(context)).toBe('read');
});
