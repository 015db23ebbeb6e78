import { describe, expect, it } from 'vitest';
import { Rows } from '../../../src/core/rows.ts';
import type { LedgerValue } from '../../../src/core/source.ts';
import type { Reading } from '../../../src/sources/petra-failed-attacks/report.ts';
import { dayOf } from '../../../src/sources/petra-failed-attacks/schemas.ts';
import { dayPrefix, observe } from '../../../src/sources/petra-failed-attacks/series.ts';

const DAY = dayOf(Date.parse('2026-03-10T12:00:00Z'));

function readingOf(totalCount: number, russia: number): Reading {
  const report = {
    tenant: { petraTenantId: 'ZZk90t' },
    totalCount,
    byCountry: Rows.of({ name: 'Russia', countryCode: 'RU', count: russia }),
    byDay: Rows.of(),
    topTargetedUsers: Rows.of(),
  };
  return {
    day: DAY,
    date: Date.parse('2026-03-10T12:00:00Z'),
    fits: 'exactly',
    report,
  } as unknown as Reading;
}

function known(total: number, russia: number): ReadonlyMap<string, LedgerValue> {
  return new Map([
    [`${dayPrefix(DAY)}total|`, { count: total }],
    [`${dayPrefix(DAY)}country|RU`, { count: russia, name: 'Russia' }],
  ]);
}

async function counts(reading: Reading, held: ReadonlyMap<string, LedgerValue>, final: boolean) {
  const ledger = {
    known: async () => held,
    async *ledger() {
      yield held;
    },
  };
  const parts = await Array.fromAsync(observe(reading, ledger, { final }));
  return parts.flat().map(({ value }) => value?.['count']);
}

describe('observe', () => {
  it('does not tell a day downwards while it goes on', async () => {
    expect(await counts(readingOf(10, 9), known(12, 7), false)).toEqual([9]);
  });

  it('tells a closed day as it is', async () => {
    expect(await counts(readingOf(10, 9), known(12, 7), true)).toEqual([10, 9]);
  });
});
