import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAMILIES, HISTOGRAMS } from '../../src/observe/families.ts';
import { Histogram } from '../../src/observe/histogram.ts';

test('a value counts up to the first bound that it does not exceed, and beyond all of them', () => {
  const histogram = new Histogram([0.1, 1]);

  for (const ms of [0, 100, 101, 1_000, 1_001, 60_000]) histogram.observe(ms);

  expect(histogram.counts).toEqual([2, 2, 2]);
  expect(histogram.count).toBe(6);
  expect(histogram.sum).toBeCloseTo(62.202);
});

test('a clock that went back adds no time', () => {
  const histogram = new Histogram([1]);

  histogram.observe(-5_000);

  expect([histogram.counts, histogram.sum]).toEqual([[1, 0], 0]);
});

test('docs/operate.md has every metric in its table', () => {
  const page = readFileSync(new URL('../../docs/operate.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `penstock_'));

  const missing = [...FAMILIES, ...HISTOGRAMS].filter(
    ({ name }) => !rows.some((row) => row.split(' | ')[0]?.includes(`\`${name}\``)),
  );

  expect(missing.map(({ name }) => name)).toEqual([]);
});
