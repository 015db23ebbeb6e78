import { afterEach, describe, expect, it } from 'vitest';
import { DrivenClock } from '../support/driven-clock.ts';
import { drawTenants } from '../../src/simulators/petra-organisation.ts';
import { mostInAMinute, type Petra, type PetraOptions, startPetra } from '../../src/simulators/petra.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ACME = {
  petraTenantId: 'ZZk90t',
  name: 'Acme Corp.',
  microsoftTenantId: 'a1b2c3d4-5e6f-7890-abcd-ef1234567890',
  isPaused: false,
  onboardingDate: '2025-01-15T09:00:00.000Z',
};
const YESTERDAY = { startDate: '2026-03-01T00:00:00.000Z', endDate: '2026-03-01T23:59:59.999Z' };

let petra: Petra;
let clock: DrivenClock;

async function start(options: Partial<PetraOptions> = {}): Promise<void> {
  clock = new DrivenClock('2026-03-02T12:00:00Z');
  petra = await startPetra({
    clock,
    random: seeded(1),
    token: 'the key',
    tenants: [ACME, ...drawTenants(seeded(2), 3)],
    incidentsPerDay: 0,
    limits: { tenants: 1000, incidents: 1000, 'failed-attacks': 1000 },
    ...options,
  });
}

async function ask(
  route: string,
  query: Record<string, string> = {},
  headers: Record<string, string> = { authorization: 'Bearer the key' },
) {
  const response = await fetch(`${petra.url}/v1/${route}?${new URLSearchParams(query).toString()}`, {
    headers: { 'user-agent': 'test', ...headers },
  });
  // oxlint-disable-next-line typescript/no-explicit-any -- the shapes are what is asserted
  return { status: response.status, headers: response.headers, body: (await response.json()) as any };
}

async function listed(query: Record<string, string> = {}): Promise<string[]> {
  const { body } = await ask('incidents', query);
  return body.incidents.map(({ id }: { id: string }) => id);
}

function sum(rows: readonly { count: number }[]): number {
  return rows.reduce((total, { count }) => total + count, 0);
}

afterEach(() => petra[Symbol.asyncDispose]());

describe('The Petra simulator', () => {
  it('the Petra simulator lists the tenants by name', async () => {
    await start();

    const { status, body } = await ask('tenants');

    expect(status).toBe(200);
    expect(body.totalTenants).toBe(4);
    expect(body.tenants).toContainEqual(ACME);
    expect(body.tenants.map(({ name }: { name: string }) => name)).toEqual(
      body.tenants.map(({ name }: { name: string }) => name).toSorted(),
    );
  });

  it.each([
    ['no agent', { 'user-agent': '', authorization: 'Bearer the key' }, 403],
    ['a wrong key', { authorization: 'Bearer another' }, 401],
    ['no key', { authorization: '' }, 401],
  ])('the Petra simulator rejects %s', async (_, headers, expected) => {
    await start();

    const { status, body } = await ask('tenants', {}, headers);

    expect(status).toBe(expected);
    expect(body.error).toEqual({ code: expect.any(String), message: expect.any(String) });
  });

  it.each([
    ['an unknown tenant', 'incidents', { tenantId: 'nobody' }, 404],
    ['attacks of no tenant', 'failed-attacks', {}, 404],
    ['a bad date', 'failed-attacks', { tenantId: 'ZZk90t', startDate: 'yesterday' }, 400],
    [
      'an end before the start',
      'failed-attacks',
      { tenantId: 'ZZk90t', startDate: '2026-03-02', endDate: '2026-03-01' },
      400,
    ],
    ['an unknown route', 'incident', {}, 404],
  ])('the Petra simulator rejects %s', async (_, route, query, expected) => {
    await start();

    const { status } = await ask(route, query);

    expect(status).toBe(expected);
  });

  it('the Petra simulator answers for a failing tenant with its status, and for the others as usual', async () => {
    await start();
    petra.incidents.add('ZZk90t');
    petra.tenants.failing.set('ZZk90t', 500);

    const failing = await ask('incidents', { tenantId: 'ZZk90t' });

    expect(failing.status).toBe(500);
    expect(await listed()).toHaveLength(1);
  });
});

describe('Limits of the Petra simulator', () => {
  it('the limits reject the eleventh request of a sliding minute, and say when to try again', async () => {
    await start({ limits: {} });
    for (let sent = 0; sent < 10; sent += 1) {
      expect((await ask('incidents')).status).toBe(200);
      clock.jump(1000);
    }

    const refused = await ask('incidents');
    clock.jump(50_000);
    const later = await ask('incidents');

    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after-public-api')).toBe('50');
    expect(later.status).toBe(200);
    expect(petra.asks('incidents')).toHaveLength(12);
    expect(petra.busiestMinute('incidents')).toBe(11);
  });

  it('the limits allow one request for failed attacks a minute, whatever the tenant, and leave the other routes alone', async () => {
    await start({ limits: {} });
    await ask('failed-attacks', { tenantId: 'ZZk90t' });

    const other = await ask('failed-attacks', { tenantId: petra.tenants.all[2]?.petraTenantId ?? '' });
    const incidents = await ask('incidents');

    expect(other.status).toBe(429);
    expect(incidents.status).toBe(200);
  });

  it('the limits count in half-open minutes', () => {
    expect(mostInAMinute([0, 60_000, 120_000])).toBe(1);
    expect(mostInAMinute([0, 59_999, 60_000, 60_001])).toBe(3);
    expect(mostInAMinute([])).toBe(0);
  });
});

describe('Incidents of the Petra simulator', () => {
  it('incidents have the documented shape', async () => {
    await start();
    petra.incidents.add('ZZk90t', { id: 'i-1', dwellTimeMinutes: 656634.6116 });

    const { body } = await ask('incidents');

    expect(body).toEqual({
      incidents: [
        {
          id: 'i-1',
          url: 'https://app.petrasecurity.com/tenant/ZZk90t/incidents/i-1',
          createdAt: '2026-03-02T12:00:00.000Z',
          occurredAt: '2026-03-02T11:55:00.000Z',
          remediationStatus: 'UNREMEDIATED',
          isLive: true,
          dwellTimeMinutes: 656634.6116,
          tenant: {
            petraTenantId: 'ZZk90t',
            name: 'Acme Corp.',
            microsoftTenantId: 'a1b2c3d4-5e6f-7890-abcd-ef1234567890',
          },
          user: {
            id: expect.any(String),
            userPrincipalName: expect.stringMatching(/@acmecorp\.example$/),
            mail: expect.any(String),
            displayName: expect.any(String),
            accountEnabled: true,
            lastPasswordChangeDateTime: null,
          },
        },
      ],
    });
  });

  it('incidents come newest first, from startDate on, cut at the limit', async () => {
    await start();
    for (const minute of [3, 1, 2, 0]) {
      const createdAt = Date.parse('2026-03-02T11:00:00Z') + minute * 60_000;
      petra.incidents.add('ZZk90t', { id: `at ${minute}`, createdAt });
    }

    expect(await listed({ startDate: '2026-03-02T11:01:00Z' })).toEqual(['at 3', 'at 2', 'at 1']);
    expect(await listed({ startDate: '2026-03-02' })).toHaveLength(4);
    expect(await listed({ limit: '2' })).toEqual(['at 3', 'at 2']);
  });

  it('incidents are 100 without a limit, and never more than 500', async () => {
    await start();
    petra.incidents.onboard('ZZk90t', 600);

    expect(await listed()).toHaveLength(100);
    expect(await listed({ limit: '1000' })).toHaveLength(500);
  });

  it('incidents are filtered by either id of a tenant', async () => {
    await start();
    petra.incidents.add('ZZk90t', { id: 'mine' });
    petra.incidents.add(petra.tenants.all[0]?.petraTenantId ?? '');

    expect(await listed({ tenantId: 'ZZk90t' })).toEqual(['mine']);
    expect(await listed({ tenantId: ACME.microsoftTenantId })).toEqual(['mine']);
  });

  it('incidents are created and change as the clock advances, the same for the same seed', async () => {
    await start({ incidentsPerDay: 50, history: 2 * DAY });
    const before = petra.incidents.all.length;
    clock.jump(10 * DAY);

    const { all } = petra.incidents;

    expect(before).toBeGreaterThan(60);
    expect(all.length).toBeGreaterThan(before + 300);
    expect(new Set(all.flatMap(({ states }) => states.map((state) => state.remediationStatus)))).toEqual(
      new Set(['UNREMEDIATED', 'LOCKED_AWAITING_PASSWORD_RESET', 'REMEDIATED', 'INCORRECT']),
    );
    expect(all.some(({ user }) => user === null)).toBe(true);
    expect(all.some(({ dwellTimeMinutes }) => dwellTimeMinutes === null)).toBe(true);
  });

  it('incidents show their current state, and come late when configured', async () => {
    await start();
    petra.incidents.add('ZZk90t', { id: 'i-1' });
    petra.incidents.add('ZZk90t', { id: 'late', shownFrom: clock.now() + HOUR });
    clock.jump(1000);
    petra.incidents.change('i-1', { remediationStatus: 'PEN_TEST' });

    const { body } = await ask('incidents');
    clock.jump(HOUR);

    expect(body.incidents).toMatchObject([{ id: 'i-1', remediationStatus: 'PEN_TEST' }]);
    expect(await listed()).toContain('late');
  });

  it('incidents of the past months come by the thousand within a minute when a tenant is onboarded', async () => {
    await start();

    const burst = petra.incidents.onboard('ZZk90t', 3000);

    const created = burst.map(({ createdAt }) => createdAt);
    expect(Math.max(...created) - Math.min(...created)).toBeLessThan(60_000);
    expect(
      burst.every(({ isLive, occurredAt, createdAt }) => !isLive && occurredAt < createdAt - 29 * DAY),
    ).toBe(true);
  });
});

describe('Failed attacks of the Petra simulator', () => {
  it('failed attacks have the documented shape, and their parts have the same sum', async () => {
    await start({ top: 3 });

    const { body } = await ask('failed-attacks', { tenantId: ACME.microsoftTenantId, ...YESTERDAY });

    expect(body.dateRange).toEqual(YESTERDAY);
    expect(body.tenant).toEqual({
      petraTenantId: 'ZZk90t',
      name: 'Acme Corp.',
      microsoftTenantId: ACME.microsoftTenantId,
    });
    expect(body.totalCount).toBeGreaterThan(0);
    expect(sum(body.byCountry)).toBe(body.totalCount);
    expect(body.byDay.map(({ date }: { date: string }) => date)).toEqual(['2026-03-01T00:00:00.000Z']);
    expect(sum(body.byDay[0].byType)).toBe(body.totalCount);
    expect(body.topTargetedUsers.length).toBeLessThanOrEqual(3);
    expect(body.topTargetedUsers[0]).toEqual({
      userPrincipalName: expect.stringMatching(/@acmecorp\.example$/),
      fullName: expect.any(String),
      jobTitle: body.topTargetedUsers[0].jobTitle,
      count: expect.any(Number),
      attackOriginCountries: expect.any(Array),
    });
  });

  it('failed attacks are totals of the window, by default of the last 30 days', async () => {
    await start({ revisions: 0 });
    const tenantId = 'ZZk90t';
    const window = { startDate: '2026-02-27T00:00:00Z', endDate: YESTERDAY.endDate };

    const { body: three } = await ask('failed-attacks', { tenantId, ...window });
    const { body: all } = await ask('failed-attacks', { tenantId });

    const days = ['2026-02-27', '2026-02-28', '2026-03-01'];
    const single = await Promise.all(
      days.map((day) => ask('failed-attacks', { tenantId, startDate: day, endDate: `${day}T23:59:59.999Z` })),
    );
    expect(three.totalCount).toBe(single.reduce((sum, { body }) => sum + body.totalCount, 0));
    expect(three.byDay).toHaveLength(3);
    expect(all.dateRange).toEqual({
      startDate: '2026-01-31T12:00:00.000Z',
      endDate: '2026-03-02T12:00:00.000Z',
    });
  });

  it('failed attacks grow during the day, and some are revised after it', async () => {
    await start({ revisions: 1 });
    const acme = petra.tenants.find('ZZk90t') ?? ACME;
    const window = (from: number) => ({ from, to: from + DAY - 1 });
    const day = Array.from({ length: 10 }, (_, n) => Date.parse('2026-03-05T00:00:00Z') + n * DAY).find(
      (start) => petra.attacks.report(acme, window(start), start + DAY).totalCount > 100,
    ) as number;
    const read = (at: number) => petra.attacks.report(acme, window(day), at).totalCount;

    const hours = [1, 6, 12, 18, 24, 25].map((hour) => read(day + hour * HOUR));

    expect(hours).toEqual(hours.toSorted((one, other) => one - other));
    expect(hours[2]).toBeLessThan(hours[4] ?? 0);
    expect(hours[4]).toBe(hours[5]);
    expect(read(day + 3 * DAY)).not.toBe(hours[5]);
  });
});
