import { afterEach, describe, expect, it } from 'vitest';
import { PetraLab } from '../_petra/lab.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/petra-incidents/index.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const TENANTS = drawTenants(seeded(2), 3);
const [FIRST, SECOND, THIRD] = TENANTS.map(({ petraTenantId }) => petraTenantId).toSorted() as [
  string,
  string,
  string,
];

let clock: DrivenClock;
let petra: Petra;
let lab: PetraLab;

async function start(config: Record<string, unknown> = {}): Promise<void> {
  clock = new DrivenClock();
  petra = await startPetra({
    clock,
    random: seeded(1),
    token: 'the key',
    tenants: TENANTS,
    incidentsPerDay: 0,
  });
  lab = new PetraLab({ source, url: petra.url, clock, config });
}

/** `count` incidents of a tenant, a minute apart, the newest `ago` milliseconds old. */
function add(tenant: string, count: number, ago = MINUTE): void {
  for (let n = 0; n < count; n += 1) {
    petra.incidents.add(tenant, { createdAt: clock.now() - ago - n * MINUTE });
  }
}

function asked(): string[] {
  return petra.requests.map(({ path, query }) => `${path} ${query.get('tenantId') ?? 'all'}`);
}

function emitted(field = 'petra.incident.id'): string[] {
  return lab.events.map((event) => event[field] as string);
}

function microsoftId(id: string): string | undefined {
  return TENANTS.find(({ petraTenantId }) => petraTenantId === id)?.microsoftTenantId;
}

function inOrder(one: string, other: string): number {
  return one < other ? -1 : 1;
}

async function openGaps() {
  return (await lab.gaps())
    .filter(({ closed }) => closed === undefined)
    .map(({ part, reason, from, to }) => ({ part, reason, from, to }));
}

afterEach(async () => {
  await petra[Symbol.asyncDispose]();
});

describe('a list that is not full', () => {
  it('a first poll is one request from initial_lookback on, and moves the cursor to the vendor’s clock', async () => {
    await start();
    add(FIRST, 2);

    const { outcome } = await lab.poll();

    expect(outcome).toBe('complete');
    expect(asked()).toEqual(['/v1/incidents all']);
    expect(Object.fromEntries(petra.requests[0]?.query ?? [])).toEqual({
      startDate: '2026-01-31T12:00:00.000Z',
      limit: '500',
    });
    expect((await lab.cursor())['since']).toBe('2026-03-02T12:00:00.000Z');
    expect(emitted('event.action')).toEqual(['incident-created', 'incident-created']);
  });

  it('a list is emitted oldest first, once, and later polls begin `overlap` before the last', async () => {
    await start();
    add(FIRST, 3);
    await lab.poll();
    clock.jump(5 * MINUTE);
    add(SECOND, 1, 8 * MINUTE);

    await lab.poll();

    const created = emitted('@timestamp');
    expect(petra.requests[1]?.query.get('startDate')).toBe('2026-03-02T11:50:00.000Z');
    expect(created.slice(0, 3)).toEqual(created.slice(0, 3).toSorted(inOrder));
    expect(emitted()).toHaveLength(4);
  });

  it('the cursor does not move beyond the vendor’s clock, whatever a record says', async () => {
    await start();
    petra.incidents.add(FIRST, { createdAt: clock.now() + 300 * DAY });

    await lab.poll();

    expect(emitted()).toHaveLength(1);
    expect((await lab.cursor())['since']).toBe('2026-03-02T12:00:00.000Z');
  });

  it('the first list is requested again when our clock was ahead', async () => {
    await start();
    add(FIRST, 1, 29 * DAY);
    const date = new Date(clock.now() - 10 * DAY).toUTCString();
    const ahead = [{ status: 200, headers: { date }, body: { incidents: [] } }];
    petra.script.push(...ahead);

    await lab.poll();

    const starts = petra.requests.map(({ query }) => query.get('startDate'));
    expect(starts).toEqual(['2026-01-31T12:00:00.000Z', '2026-01-21T12:00:00.000Z']);
    expect(emitted()).toHaveLength(1);
  });

  it('an incident of an account whose password was never changed is emitted, as Microsoft writes it', async () => {
    await start();
    const user = { id: 'u-1', lastPasswordChangeDateTime: '0001-01-01T00:00:00Z' };
    const incident = { id: 'i-1', createdAt: '2026-03-02T11:00:00Z', remediationStatus: 'REMEDIATED', user };
    petra.script.push({ status: 200, body: { incidents: [incident] } });

    await lab.poll();

    expect(lab.events).toMatchObject([{ 'event.kind': 'alert', 'user.id': 'u-1' }]);
    expect(lab.events[0]).not.toHaveProperty(['petra.incident.user.last_password_change_date_time']);
  });

  it('only the tenants in the options are emitted, by either id', async () => {
    await start({ tenants: [TENANTS[0]?.petraTenantId, TENANTS[1]?.microsoftTenantId] });
    for (const { petraTenantId } of TENANTS) petra.incidents.add(petraTenantId);

    await lab.poll();

    expect(emitted('organization.name').toSorted(inOrder)).toEqual([TENANTS[0]?.name, TENANTS[1]?.name]);
  });

  it.each([
    ['by Petra’s id', () => [FIRST, SECOND]],
    ['by Microsoft’s ids', () => [FIRST, SECOND].map(microsoftId)],
    ['with all others', () => 'all'],
  ])(
    'a tenant that the options name later is read from its own initial_lookback on, %s',
    async (_, later) => {
      const config: Record<string, unknown> = { tenants: [FIRST] };
      await start(config);
      for (const tenant of [FIRST, SECOND]) add(tenant, 2, 20 * DAY);
      await lab.poll();
      const first = emitted('petra.tenant.id');
      clock.jump(MINUTE);
      config['tenants'] = later();
      const before = petra.requests.length;

      await lab.poll();
      clock.jump(MINUTE);
      await lab.poll();

      expect(first).toEqual([FIRST, FIRST]);
      expect(emitted('petra.tenant.id')).toEqual([FIRST, FIRST, SECOND, SECOND]);
      expect(
        asked()
          .slice(before)
          .filter((one) => one.endsWith(FIRST)),
      ).toEqual([]);
      expect(
        asked()
          .slice(before)
          .filter((one) => one.endsWith(SECOND)),
      ).toHaveLength(1);
    },
  );
});

describe('a full list', () => {
  it('a full list is complete when it reaches back to what was read before', async () => {
    await start({ limit: 4 });
    await lab.poll();
    clock.jump(MINUTE);
    add(FIRST, 3, 0);
    add(SECOND, 2, 5 * MINUTE);
    const before = petra.requests.length;

    await lab.poll();

    expect(asked().slice(before)).not.toContain('/v1/tenants all');
    expect(await openGaps()).toEqual([]);
  });

  it('a full list is followed by a list of each tenant, from what was read before', async () => {
    await start({ limit: 4 });
    add(FIRST, 3);
    add(SECOND, 2, 2 * DAY);

    const { outcome, stats } = await lab.poll();

    expect(outcome).toBe('complete');
    expect(asked()).toEqual([
      '/v1/incidents all',
      '/v1/tenants all',
      ...[FIRST, SECOND, THIRD].map((id) => `/v1/incidents ${id}`),
    ]);
    expect(petra.requests.at(-1)?.query.get('startDate')).toBe('2026-01-31T12:00:00.000Z');
    expect(stats.gaps).toBe(0);
    expect(emitted()).toHaveLength(5);
  });

  it('late incidents that a full list does not show are read tenant by tenant, or are in the gap', async () => {
    await start({ limit: 4 });
    await lab.poll();
    const read = clock.now();
    clock.jump(MINUTE);
    for (let n = 0; n < 5; n += 1) petra.incidents.add(FIRST, { createdAt: clock.now() - n * 5_000 });
    const hidden = petra.incidents.add(FIRST, { createdAt: read - 20_000 });
    const late = petra.incidents.add(SECOND, { createdAt: read - 30_000 });

    await lab.poll();

    expect(emitted()).toContain(late.id);
    expect(emitted()).not.toContain(hidden.id);
    const [gap] = await openGaps();
    expect(gap).toMatchObject({ part: FIRST, reason: 'list-full' });
    expect(gap?.from).toBeLessThanOrEqual(hidden.createdAt);
    expect(gap?.to).toBeGreaterThan(hidden.createdAt);
  });

  it('a tenant whose own list is full is a gap: named in the event, and emitted once', async () => {
    await start({ limit: 4 });
    add(FIRST, 6);
    add(SECOND, 3);

    await lab.poll();
    clock.jump(MINUTE);
    await lab.poll();

    const oldest = clock.now() - MINUTE - 4 * MINUTE;
    expect(await openGaps()).toEqual([
      { part: FIRST, reason: 'list-full', from: clock.now() - MINUTE - 30 * DAY, to: oldest + 1 },
    ]);
    const events = lab.emitted
      .map(({ event }) => event)
      .filter((event) => event['event.action'] === 'gap-opened');
    expect(events).toMatchObject([{ 'penstock.gap.part': FIRST, 'penstock.gap.reason': 'list-full' }]);
    expect(lab.lines).toMatchObject([{ penstock: { gap: { part: FIRST } } }]);
    expect(emitted()).toHaveLength(7);
  });

  it('reading tenant by tenant continues where it was when the process died', async () => {
    await start({ limit: 4 });
    add(FIRST, 3);
    add(SECOND, 3);
    add(THIRD, 3);
    await lab.poll({ diesAfter: 2 });
    const before = petra.requests.length;

    await lab.poll();

    expect(asked().slice(before)).toEqual([
      '/v1/incidents all',
      '/v1/tenants all',
      `/v1/incidents ${SECOND}`,
      `/v1/incidents ${THIRD}`,
    ]);
    expect(emitted()).toHaveLength(9);
    expect(await openGaps()).toEqual([]);
  });

  it('the newest incidents do not wait while many tenants are read', async () => {
    await start({ limit: 4, quota: { requests: 1, per: '1m' } });
    add(FIRST, 3);
    add(SECOND, 3);

    await lab.poll();

    const lists = asked().filter((one) => one.startsWith('/v1/incidents'));
    expect(lists.slice(0, 4)).toEqual([
      '/v1/incidents all',
      `/v1/incidents ${FIRST}`,
      '/v1/incidents all',
      `/v1/incidents ${SECOND}`,
    ]);
  });

  it('what is owed when a deadline ends the poll is reported, and is no failure', async () => {
    await start({ limit: 4, quota: { requests: 2, per: '1m' } });
    add(FIRST, 3);
    add(SECOND, 3);

    const { outcome, errors } = await lab.poll({ mode: 'once', deadline: 30_000 });

    expect({ outcome, errors }).toEqual({ outcome: 'owed', errors: [] });
    expect((await lab.streams())[0]).toMatchObject({ deferred: 2, lastComplete: undefined });
  });
});

describe('a tenant that fails', () => {
  it.each([404, 403, 500])(
    'a tenant that fails with %s is a gap, and does not stop the others',
    async (status) => {
      await start({ limit: 4 });
      add(FIRST, 3);
      add(SECOND, 3);
      petra.tenants.failing.set(FIRST, status);

      const { outcome } = await lab.poll();

      expect(outcome).toBe('complete');
      expect(emitted('organization.id')).toContain(SECOND);
      expect(await openGaps()).toMatchObject([{ part: FIRST, reason: 'tenant-unavailable' }]);
    },
  );

  it('a tenant that failed is read when it answers again, and its gap closes', async () => {
    await start({ limit: 4 });
    add(FIRST, 3, 20 * DAY);
    add(SECOND, 5);
    petra.tenants.failing.set(FIRST, 404);
    await lab.poll();
    const before = emitted().length;
    petra.tenants.failing.clear();
    clock.jump(15 * MINUTE);

    await lab.poll();

    expect(emitted().length - before).toBe(3);
    expect(await openGaps()).toMatchObject([
      { part: SECOND, reason: 'list-full' },
      { part: SECOND, reason: 'updates-out-of-reach' },
    ]);
  });

  it('when the vendor is away the poll fails, and no tenant has a gap', async () => {
    await start({ limit: 4 });
    add(FIRST, 5);
    const down = { status: 503, body: { error: { code: 'DOWN', message: 'down' } } };
    petra.script.push(undefined, undefined, down, down);

    const { outcome } = await lab.poll();

    expect(outcome).toBe('failed');
    expect(await lab.gaps()).toEqual([]);
    await lab.poll();
    expect(emitted()).toHaveLength(4);
  });
});

describe('answers that do not fit', () => {
  it('rows that do not fit are emitted as pipeline errors, once, and the rest as usual', async () => {
    await start();
    const row = {
      id: 'i-1',
      createdAt: '2026-03-02T11:00:00Z',
      remediationStatus: 'BRAND_NEW',
      user: null,
      novel: 1,
    };
    const body = {
      incidents: [row, { ...row, id: 'i-2', createdAt: 'yesterday', dwellTimeMinutes: 4.55 }, 'row', 'row'],
    };
    petra.script.push({ status: 200, body }, { status: 200, body });

    await lab.poll();
    await lab.poll();

    expect(emitted('event.kind').toSorted(inOrder)).toEqual([
      'alert',
      'pipeline_error',
      'pipeline_error',
      'pipeline_error',
    ]);
    expect(emitted('event.original').filter((text) => text !== undefined)).toEqual([
      '"row"',
      '"row"',
      '{"id":"i-2","createdAt":"yesterday","remediationStatus":"BRAND_NEW","user":null,"novel":1,"dwellTimeMinutes":4.55}',
    ]);
  });

  it.each([{}, [], 'a text', null, { incidents: {} }, { incidents: [], error: { code: 'PARTIAL' } }])(
    'a poll fails when the answer is not a list: %j',
    async (body) => {
      await start();
      petra.script.push({ status: 200, body: JSON.stringify(body) });

      const { outcome, errors } = await lab.poll();

      expect(outcome).toBe('failed');
      expect(errors).toMatchObject([{ name: 'UnexpectedAnswerError' }]);
      expect(await lab.cursor()).toBeUndefined();
    },
  );
});
