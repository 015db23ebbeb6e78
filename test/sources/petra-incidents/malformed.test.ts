import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { observe, plainOptions, problemsOf } from '../_petra/answering.ts';
import source from '../../../src/sources/petra-incidents/index.ts';

const odd = fc.oneof(
  fc.constantFrom(null, '', 0, -1, 1.5, true, 'x', [], {}, 1e300),
  fc.jsonValue({ maxDepth: 1 }),
);
const time = fc.constantFrom(
  '2026-03-09T01:02:03.004Z',
  '2026-03-09',
  '2026-03-09T01:02:03+02:00',
  'never',
  '',
);

/** Rows that are near what is documented, and others. */
const row = fc.oneof(
  odd,
  fc.record(
    {
      id: fc.oneof(fc.string(), odd),
      url: odd,
      createdAt: fc.oneof({ weight: 3, arbitrary: time }, odd),
      occurredAt: fc.oneof(time, odd),
      remediationStatus: fc.oneof(fc.constantFrom('REMEDIATED', 'constructor', '__proto__'), odd),
      isLive: odd,
      dwellTimeMinutes: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), odd),
      tenant: fc.oneof(fc.record({ petraTenantId: odd, name: odd }), odd),
      user: fc.oneof(
        fc.record({ userPrincipalName: odd, accountEnabled: odd, lastPasswordChangeDateTime: time }),
        odd,
      ),
    },
    { requiredKeys: ['id', 'createdAt', 'remediationStatus'] },
  ),
);

const options = plainOptions(source);

describe('petra-incidents', () => {
  it('every row of a malformed answer of incidents is emitted, or the whole answer is rejected', async () => {
    const body = fc.oneof(
      { weight: 9, arbitrary: fc.record({ incidents: fc.array(row, { maxLength: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ incidents: odd }) },
      { weight: 1, arbitrary: odd },
    );
    await fc.assert(
      fc.asyncProperty(body, async (answer) => {
        const observed = await observe(source, options, answer);

        const rows = (answer as { incidents?: unknown } | null)?.incidents;
        const empty = rows === null ? 0 : undefined;
        expect(observed?.length).toBe(Array.isArray(rows) ? rows.length : empty);
        expect(problemsOf(source, observed)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
