import fc from 'fast-check';
import type { SourceHarness } from '../harness.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';

const TOKEN = 'token-that-nobody-may-see';
const MINUTE = 60_000;

/** A full list of all tenants, so that a poll has a page for each of them. */
export const harness: SourceHarness = {
  config: { token: TOKEN, limit: 30 },
  secret: TOKEN,
  now: '2025-02-06T12:00:00Z',
  start: async (clock) => {
    const tenants = drawTenants(seeded(2), 3);
    const petra = await startPetra({ clock, random: seeded(1), token: TOKEN, tenants, incidentsPerDay: 0 });
    for (let minute = 1; minute <= 40; minute += 1) {
      const tenant = tenants[minute % tenants.length]?.petraTenantId ?? '';
      petra.incidents.add(tenant, { createdAt: clock.now() - minute * MINUTE });
    }
    return petra;
  },
  answer: ({ path }, { body }) => ({ status: 200, body: path === '/v1/incidents' ? body : { tenants: [] } }),
  insert: (body, records) => ({ incidents: [...(body as { incidents: unknown[] }).incidents, ...records] }),
  malformed: fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.dictionary(
      fc.constantFrom('id', 'remediationStatus', 'dwellTimeMinutes', 'tenant', 'user', '__proto__', 'extra'),
      fc.oneof(fc.constantFrom(null, '', 'REMEDIATED', 4.55, '1e999', {}), fc.jsonValue({ maxDepth: 1 })),
    ),
    fc.record({
      id: fc.constant('i-1'),
      createdAt: fc.constantFrom('', 'yesterday', '2025-02-30T00:00:00Z', '+275760-01-01', 7, null),
      remediationStatus: fc.constant('REMEDIATED'),
    }),
  ),
  odd: [
    [['incidents', 0, 'url'], 7, {}],
    [['incidents', 0, 'occurredAt'], '', 'yesterday', 1_738_707_252_000],
    [['incidents', 0, 'remediationStatus'], '', 12, ['REMEDIATED']],
    [['incidents', 0, 'isLive'], 'true', 1, ''],
    [['incidents', 0, 'dwellTimeMinutes'], 'long', '', true, '1e999'],
    [['incidents', 0, 'tenant'], 'Acme', 3],
    [['incidents', 0, 'tenant', 'name'], 3, {}],
    [['incidents', 0, 'tenant', 'petraTenantId'], 3],
    [['incidents', 0, 'user'], 'askywalker', ''],
    [['incidents', 0, 'user', 'id'], 12, 2n ** 60n, false],
    [['incidents', 0, 'user', 'userPrincipalName'], 12, []],
    [['incidents', 0, 'user', 'mail'], ['askywalker@acmecorp.com']],
    [['incidents', 0, 'user', 'displayName'], { first: 'Anakin' }],
    [['incidents', 0, 'user', 'accountEnabled'], 'true', 0],
    [['incidents', 0, 'user', 'lastPasswordChangeDateTime'], '', 'never', 5],
  ],
  lists: { main: ['incidents'] },
  identified: {
    at: ['incidents', 0],
    breaks: { createdAt: 'yesterday' },
    moves: [{ dwellTimeMinutes: 1 }, { dwellTimeMinutes: 2.5 }, { url: '' }],
    changes: { remediationStatus: 'UNREMEDIATED' },
  },
};
