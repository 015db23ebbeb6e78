import fc from 'fast-check';
import type { SourceHarness } from '../harness.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';

const TOKEN = 'token-that-nobody-may-see';

interface Body {
  readonly tenant: unknown;
  readonly byCountry: unknown[];
}

/** Each day of each tenant is a page. */
export const harness: SourceHarness = {
  config: { token: TOKEN, initial_lookback: '1d', intraday_interval: null },
  secret: TOKEN,
  now: '2025-01-07T12:00:00Z',
  start: (clock) => {
    const tenants = drawTenants(seeded(2), 3);
    return startPetra({ clock, random: seeded(1), token: TOKEN, tenants, incidentsPerDay: 0, revisions: 0 });
  },
  answer: ({ path }, { body }) => ({
    status: 200,
    body: path === '/v1/tenants' ? { tenants: [(body as Body).tenant] } : body,
  }),
  insert: (body, records) => ({ ...(body as Body), byCountry: [...(body as Body).byCountry, ...records] }),
  malformed: fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.dictionary(
      fc.constantFrom('name', 'countryCode', '__proto__', 'extra'),
      fc.jsonValue({ maxDepth: 1 }),
    ),
    fc.record({
      countryCode: fc.constantFrom('US', 'DE', '', null),
      count: fc.oneof(fc.constantFrom(-1, 1.5, 2 ** 60, '7', null), fc.string()),
    }),
  ),
  odd: [
    [['tenant'], 'Acme', 7],
    [['tenant', 'name'], 7],
    [['tenant', 'microsoftTenantId'], {}],
    [['byCountry', 0, 'name'], 7, {}, true],
    [['topTargetedUsers', 0, 'fullName'], 7, []],
    [['topTargetedUsers', 0, 'jobTitle'], { title: 'Engineer' }],
    [['topTargetedUsers', 0, 'attackOriginCountries'], 'India', {}],
    [['topTargetedUsers', 0, 'attackOriginCountries', 0], 'India', null],
    [['topTargetedUsers', 0, 'attackOriginCountries', 1, 'countryCode'], 7],
  ],
  lists: { optional: [['byCountry'], ['byDay'], ['topTargetedUsers']] },
  identified: {
    at: ['byCountry', 0],
    breaks: { count: 'many' },
    moves: [{ name: 'the States' }, { name: null }],
    changes: { count: 'more' },
  },
};
