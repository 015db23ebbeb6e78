import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { observe, plainOptions, problemsOf } from '../_petra/answering.ts';
import source from '../../../src/sources/petra-failed-attacks/index.ts';

const odd = fc.oneof(
  fc.constantFrom(0, -1, 1.5, true, [], {}, 1e300, ['x']),
  fc.dictionary(fc.string(), fc.nat()),
);
/** A text of its own in each answer, so that no two rows are parts of one count. */
const subject = fc.oneof(fc.uuid(), odd);

const count = fc.oneof({ weight: 4, arbitrary: fc.nat(1000) }, odd);

function rows<T>(row: fc.Arbitrary<T>) {
  return fc.oneof({ weight: 9, arbitrary: fc.array(fc.oneof(row, odd), { maxLength: 3 }) }, odd);
}

const answers = fc.record({
  dateRange: fc.oneof(
    { weight: 9, arbitrary: fc.constant({ startDate: '2026-03-09', endDate: '2026-03-09T23:59:59.999Z' }) },
    fc.record({ startDate: odd, endDate: odd }),
  ),
  tenant: fc.oneof({ weight: 4, arbitrary: fc.record({ petraTenantId: odd, name: odd }) }, odd),
  totalCount: count,
  byCountry: rows(fc.record({ name: odd, countryCode: subject, count })),
  byDay: rows(
    fc.record({
      date: fc.constantFrom('2026-03-09T00:00:00.000Z', '2026-03-08', 'never', 7),
      byType: rows(fc.record({ attackType: subject, count })),
    }),
  ),
  topTargetedUsers: rows(fc.record({ userPrincipalName: subject, fullName: odd, jobTitle: odd, count })),
});

type Answer = typeof answers extends fc.Arbitrary<infer Drawn> ? Drawn : never;

/** Rows that are to be counted or shipped: all but those of other days. */
function rowsOf({ byCountry, byDay, topTargetedUsers }: Answer): unknown[] {
  const days = (byDay as unknown[]).flatMap((day) => {
    const { date, byType } = (day ?? {}) as { date?: unknown; byType?: unknown };
    if (typeof date !== 'string' || !date.startsWith('2026-') || !Array.isArray(byType)) return [day];
    return date.startsWith('2026-03-09') ? (byType as unknown[]) : [];
  });
  return ['the total', ...days, ...(byCountry as unknown[]), ...(topTargetedUsers as unknown[])];
}

function isReport(answer: unknown): answer is Answer {
  const { dateRange, byCountry, byDay, topTargetedUsers } = (answer ?? {}) as Partial<Answer>;
  const lists = [byCountry, byDay, topTargetedUsers];
  return dateRange?.startDate === '2026-03-09' && lists.every((list) => Array.isArray(list));
}

const options = plainOptions(source);

describe('petra-failed-attacks', () => {
  it('every row of a malformed answer of failed attacks is emitted, or the whole answer is rejected', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 19, arbitrary: answers }, odd), async (answer) => {
        const observed = await observe(source, options, answer);

        expect(observed?.length).toBe(isReport(answer) ? rowsOf(answer).length : undefined);
        expect(problemsOf(source, observed)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
