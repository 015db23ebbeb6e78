import { describe, expect, it } from 'vitest';
import type { LedgerValue, Observation } from '../../../src/source.ts';
import type { Reading } from '../../../src/sources/petra-failed-attacks/answer.ts';
import { dayOf } from '../../../src/sources/petra-failed-attacks/day.ts';
import { dayPrefix, observe } from '../../../src/sources/petra-failed-attacks/series.ts';

const DAY = dayOf(Date.parse('2026-03-10T12:00:00Z'));

function readingOf(totalCount: number, russia: number): Reading {
  const report = {
    tenant: { petraTenantId: 'ZZk90t' },
    totalCount,
    byCountry: [{ name: 'Russia', countryCode: 'RU', count: russia }],
    byDay: [],
    topTargetedUsers: [],
  };
  return {
    day: DAY,
    date: Date.parse('2026-03-10T12:00:00Z'),
    fits: 'exactly',
    report,
    body: report,
  } as unknown as Reading;
}

function known(total: number, russia: number): ReadonlyMap<string, LedgerValue> {
  return new Map([
    [`${dayPrefix(DAY)}total|`, { count: total }],
    [`${dayPrefix(DAY)}country|RU`, { count: russia, name: 'Russia' }],
  ]);
}

const counts = (observations: readonly Observation[]) => observations.map(({ value }) => value?.['count']);

describe('observe', () => {
  it('does not tell a day downwards while it goes on', () => {
    expect(counts(observe(readingOf(10, 9), known(12, 7), { final: false }))).toEqual([9]);
  });

  it('tells a closed day as it is', () => {
    expect(counts(observe(readingOf(10, 9), known(12, 7), { final: true }))).toEqual([10, 9]);
  });
});
