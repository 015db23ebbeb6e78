import { expect, test } from 'vitest';
import { RecentPages } from '../../src/journal/recent-pages.ts';

const MIB = 1024 * 1024;

const page = (sequence: number, bytes: number) => ({
  sequence,
  stream: 's',
  source: 'console',
  dataset: 'd',
  lane: 'live' as const,
  observedAt: 0,
  committedAt: 0,
  count: 2,
  bytes: new Uint8Array(bytes),
});

test('a page is found by the positions of its records, and by no other', () => {
  const recent = new RecentPages();
  const pages = [page(3, 10), page(5, 10)];
  for (const one of pages) recent.add(one);

  expect(recent.at({ sequence: 3, offset: 0 })).toBe(pages[0]);
  expect(recent.at({ sequence: 3, offset: 1 })).toBe(pages[0]);
  expect(recent.at({ sequence: 3, offset: 2 })).toBeUndefined();
  expect(recent.at({ sequence: 4, offset: 0 })).toBeUndefined();
  expect(recent.at({ sequence: 5, offset: 0 })).toBe(pages[1]);
});

test('the oldest pages are forgotten, so that no more than 3 MiB of records are kept', () => {
  const recent = new RecentPages();
  for (let sequence = 1; sequence <= 20; sequence += 1) recent.add(page(sequence, MIB));

  const kept = Array.from({ length: 20 }, (_, index) => index + 1).filter(
    (sequence) => recent.at({ sequence, offset: 0 }) !== undefined,
  );

  expect(kept).toEqual([18, 19, 20]);
});

test('a page counts with the whole buffer that its records are a part of', () => {
  const recent = new RecentPages();
  const part = { ...page(1, 0), bytes: new Uint8Array(4 * MIB).subarray(0, 10) };
  recent.add(part);

  expect(recent.at({ sequence: 1, offset: 0 })).toBeUndefined();
});

test('a page that is larger than all that may be kept is not kept', () => {
  const recent = new RecentPages();
  recent.add(page(1, 4 * MIB));

  expect(recent.at({ sequence: 1, offset: 0 })).toBeUndefined();
});
