import { describe, expect, it } from 'vitest';
import { Rows } from '../../../src/core/rows.ts';
import type { LedgerValue } from '../../../src/core/source.ts';
import type { Report } from '../../../src/sources/petra-failed-attacks/report.ts';
import { dayOf } from '../../../src/sources/petra-failed-attacks/schemas.ts';
import { dayPrefix, observe } from '../../../src/sources/petra-failed-attacks/series.ts';

const DAY = dayOf(Date.parse('2026-03-10T12:00:00Z'));

function reportOf(totalCount: number, russia: number): Report {
  const counts = {
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
    counts,
  } as unknown as Report;
}

function known(total: number, russia: number): ReadonlyMap<string, LedgerValue> {
  return new Map([
    [`${dayPrefix(DAY)}total|`, { count: total }],
    [`${dayPrefix(DAY)}country|RU`, { count: russia, name: 'Russia' }],
  ]);
}

async function countsOf(report: Report, held: ReadonlyMap<string, LedgerValue>, final: boolean) {
  const ledger = {
    known: async () => held,
    async *ledger() {
      yield held;
    },
  };
  const parts = await Array.fromAsync(observe(report, ledger, { final }));
  return parts.flat().map(({ value }) => value?.['count']);
}

describe('petra-failed-attacks', () => {
  it('does not lower the count of a day that is not closed', async () => {
    expect(await countsOf(reportOf(10, 9), known(12, 7), false)).toEqual([9]);
  });

  it('emits the counts of a closed day as they are, also when they fell', async () => {
    expect(await countsOf(reportOf(10, 9), known(12, 7), true)).toEqual([10, 9]);
  });
});
