import fc from 'fast-check';
import { drawTenants } from '../../../src/simulators/petra-tenants.ts';
import { startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import type { SourceHarness } from '../harness.ts';

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
};
