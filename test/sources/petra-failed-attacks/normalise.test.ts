import { describe, expect, it } from 'vitest';
import type { MappingContext } from '../../../src/core/source.ts';
import { normalise, record } from '../../../src/sources/petra-failed-attacks/normalise.ts';

const READ: MappingContext = {
  scope: { id: 't-1', name: 'Acme' },
  observedAt: Date.parse('2026-11-28T02:10:00Z'),
  reason: 'final',
  previous: undefined,
  delta: 366,
};

function messageOf(counted: Record<string, unknown>, mapping: Partial<MappingContext> = {}): unknown {
  const parsed = record.parse({ tenant: null, day: '2026-11-27', ...counted });
  return normalise(parsed, { ...READ, ...mapping })['message'];
}

describe('the message of a count', () => {
  it.each<[string, unknown, string]>([
    ['total', { totalCount: 366 }, '366 failed attacks on Acme'],
    ['total', { totalCount: 1 }, '1 failed attack on Acme'],
    ['attack_type', { attackType: 'SPRAY', count: 2 }, '2 failed attacks of type SPRAY on Acme'],
    ['country', { countryCode: 'XK', name: 'Kosovo', count: 2 }, '2 failed attacks from XK on Acme'],
    ['country', { countryCode: '', name: '', count: 2 }, '2 failed attacks from an unknown country on Acme'],
    ['user', { userPrincipalName: 'a@acme.com', count: 2 }, '2 failed attacks on a@acme.com of Acme'],
  ])('the message of %s %j is %s', (dimension, row, words) => {
    expect(messageOf({ dimension, row })).toBe(`${words}, 27 Nov (+366, final)`);
  });

  it.each<[Partial<MappingContext>, string]>([
    [{ reason: 'new', delta: 4 }, '366 failed attacks on Acme, 27 Nov (+4)'],
    [{ delta: -2 }, '366 failed attacks on Acme, 27 Nov (-2, final)'],
    [
      { observedAt: Date.parse('2027-01-01T00:00:00Z') },
      '366 failed attacks on Acme, 27 Nov 2026 (+366, final)',
    ],
    [{ scope: { id: 't-1' } }, '366 failed attacks on t-1, 27 Nov (+366, final)'],
  ])('the message with %j is %s', (mapping, message) => {
    expect(messageOf({ dimension: 'total', row: { totalCount: 366 } }, mapping)).toBe(message);
  });
});
