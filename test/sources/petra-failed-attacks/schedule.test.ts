import { afterEach, describe, expect, it } from 'vitest';
import { PetraLab } from '../_petra/lab.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/petra-failed-attacks/index.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let clock: DrivenClock;
let petra: Petra;
let lab: PetraLab;
let ids: readonly string[];

async function start(tenants: number, config: Record<string, unknown> = {}, limit = 1): Promise<void> {
  clock = new DrivenClock('2026-03-10T12:00:00Z');
  const drawn = drawTenants(seeded(2), tenants);
  ids = drawn.map(({ petraTenantId }) => petraTenantId).toSorted();
  const world = { clock, random: seeded(1), token: 'the key', tenants: drawn, incidentsPerDay: 0 };
  petra = await startPetra({ ...world, limits: { 'failed-attacks': limit } });
  lab = new PetraLab({ source, url: petra.url, clock, config });
}

function inOrder(one: [string, string], other: [string, string]): number {
  return one.join() < other.join() ? -1 : 1;
}

let seen = 0;

/** Days asked for since the last call, each with its tenant. */
function newRequests(): [day: string, tenant: string][] {
  const fresh = petra.requests.filter(({ path }) => path === '/v1/failed-attacks').slice(seen);
  seen += fresh.length;
  return fresh.map(({ query }) => [query.get('startDate')?.slice(0, 10) ?? '', query.get('tenantId') ?? '']);
}

function days(): string[] {
  return newRequests().map(([day]) => day);
}

async function progress() {
  const streams = await lab.streams();
  return streams.map(({ scope, deferred, lastComplete }) => ({
    scope,
    deferred,
    complete: lastComplete !== undefined,
  }));
}

afterEach(async () => {
  seen = 0;
  await petra[Symbol.asyncDispose]();
});

describe('the quota of petra-failed-attacks', () => {
  it('the quota goes to the newest closed day of all tenants first, and is never idle or exceeded while work waits', async () => {
    await start(40, { initial_lookback: '3d', intraday_interval: null });

    await lab.poll();

    const asked = newRequests();
    const times = petra.asks('failed-attacks');
    const expected = ['2026-03-09', '2026-03-08', '2026-03-07'].flatMap((day) => ids.map((id) => [day, id]));
    expect(asked).toEqual(expected);
    expect(petra.busiestMinute('failed-attacks')).toBe(1);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThanOrEqual((119 * MINUTE) / 0.99);
    expect(await progress()).toEqual(ids.map((scope) => ({ scope, deferred: 0, complete: true })));
  });

  it('a request is for one whole UTC day', async () => {
    await start(1, { initial_lookback: '1d', intraday_interval: null });

    await lab.poll();

    const [request] = petra.requests.filter(({ path }) => path === '/v1/failed-attacks');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({
      tenantId: ids[0],
      startDate: '2026-03-09T00:00:00.000Z',
      endDate: '2026-03-09T23:59:59.999Z',
    });
  });

  it('a day counts as closed when it is settled, by the vendor’s clock', async () => {
    await start(1, { initial_lookback: '1d', intraday_interval: null });
    clock.jump(13 * HOUR + 59 * MINUTE);
    await lab.poll();
    const before = days();
    clock.jump(MINUTE);

    await lab.poll();

    expect(before).toEqual(['2026-03-09']);
    expect(days()).toEqual(['2026-03-10']);
  });

  it('a day that closes in the meantime comes before older ones', async () => {
    await start(2, { initial_lookback: '10d', intraday_interval: null });
    clock.jump(13 * HOUR + 55 * MINUTE);

    await lab.poll();

    // The sixth was chosen before the day closed, and waited for its minute.
    expect(days().slice(0, 9).join(' ')).toBe(
      '2026-03-09 2026-03-09 2026-03-08 2026-03-08 2026-03-07 2026-03-07 2026-03-10 2026-03-10 2026-03-06',
    );
  });

  it('the current day is read last, every intraday_interval', async () => {
    await start(1, { initial_lookback: '2d', intraday_interval: '1h' });
    await lab.poll();
    clock.jump(30 * MINUTE);
    await lab.poll();
    clock.jump(40 * MINUTE);
    await lab.poll();

    expect(days()).toEqual(['2026-03-09', '2026-03-08', '2026-03-10', '2026-03-10']);
  });

  it('the last revise_days are read again every revise_interval, least recently read first', async () => {
    await start(1, { initial_lookback: '3d', intraday_interval: null });
    await lab.poll();
    const first = days();
    clock.jump(5 * HOUR);
    await lab.poll();
    const early = days();
    clock.jump(2 * HOUR);
    await lab.poll();

    expect(first).toEqual(['2026-03-09', '2026-03-08', '2026-03-07']);
    expect(early).toEqual([]);
    expect(days()).toEqual(['2026-03-09', '2026-03-08']);
  });

  it('`once` reads again whatever the interval, when the quota allows it', async () => {
    await start(1, { initial_lookback: '1d', intraday_interval: null });
    await lab.poll({ mode: 'once' });
    const first = days();
    clock.jump(5 * MINUTE);

    await lab.poll({ mode: 'once' });

    expect(first).toEqual(['2026-03-09']);
    expect(days()).toEqual(['2026-03-09']);
  });

  it('`once` reads again everything that it may, each day once', async () => {
    const quota = { requests: 1000, per: '1m' };
    await start(3, { initial_lookback: '2d', intraday_interval: null, quota }, 1000);
    await lab.poll({ mode: 'once' });
    newRequests();
    clock.jump(MINUTE);

    await lab.poll({ mode: 'once' });

    const both = ['2026-03-09', '2026-03-08'];
    expect(newRequests().toSorted(inOrder)).toEqual(
      ids.flatMap((id) => both.map((day): [string, string] => [day, id])).toSorted(inOrder),
    );
  });

  it('the quota is spent until the deadline; the rest is owed, which is no failure, and comes next', async () => {
    await start(5, { initial_lookback: '2d', intraday_interval: null });

    const { outcome, errors } = await lab.poll({ mode: 'once', deadline: 3.5 * MINUTE });
    const reported = await progress();
    const asked = newRequests();
    await lab.poll({ mode: 'once', deadline: 2 * MINUTE });

    expect({ outcome, errors }).toEqual({ outcome: 'owed', errors: [] });
    expect(asked.map(([, tenant]) => tenant)).toEqual(ids.slice(0, 4));
    expect(reported).toEqual(ids.map((scope, n) => ({ scope, deferred: n < 4 ? 1 : 2, complete: n < 4 })));
    expect(newRequests()).toEqual([
      ['2026-03-09', ids[4]],
      ['2026-03-08', ids[0]],
    ]);
  });

  it('the schedule continues where it was when the process dies', async () => {
    await start(2, { initial_lookback: '2d', intraday_interval: null });
    await lab.poll({ diesAfter: 4 });
    const before = days();

    await lab.poll();

    expect(before).toEqual(['2026-03-09', '2026-03-09', '2026-03-08', '2026-03-08']);
    expect(days()).toEqual(['2026-03-08']);
    expect(await progress()).toEqual(ids.map((scope) => ({ scope, deferred: 0, complete: true })));
  });

  it('tenants that fail do not take the turns of the others', async () => {
    await start(4, { initial_lookback: '3d', intraday_interval: null });
    for (const id of ids.slice(0, 2)) petra.tenants.failing.set(id, 404);

    const { outcome } = await lab.poll({ mode: 'once', deadline: 3.5 * MINUTE });
    await lab.poll({ mode: 'once', deadline: 2 * MINUTE });

    expect(outcome).toBe('failed');
    expect(
      newRequests()
        .slice(0, 6)
        .map(([, tenant]) => tenant),
    ).toEqual([...ids, ids[2], ids[3]]);
  });

  it('a tenant that fails, or is answered for another window, does not keep the others waiting across restarts', async () => {
    await start(3, { initial_lookback: '2d', intraday_interval: null });
    const [gone = '', wide, well] = ids;
    petra.tenants.failing.set(gone, 404);
    const dateRange = { startDate: '2026-03-08T00:00:00.000Z', endDate: '2026-03-09T23:59:59.999Z' };
    const body = { dateRange, tenant: {}, totalCount: 0, byCountry: [], byDay: [], topTargetedUsers: [] };
    // The tenants, then a report, in each life.
    petra.script.push(undefined, undefined, undefined, { status: 200, body });

    for (let life = 0; life < 4; life += 1) await lab.poll({ mode: 'once', deadline: 0.99 * MINUTE });

    expect(newRequests()).toEqual([
      ['2026-03-09', gone],
      ['2026-03-09', wide],
      ['2026-03-09', well],
      ['2026-03-08', well],
    ]);
  });

  it('a tenant with nothing due is reported as complete, without a request', async () => {
    await start(2, { initial_lookback: '1d', intraday_interval: null });
    await lab.poll();
    newRequests();
    clock.jump(20 * MINUTE);

    await lab.poll();

    expect(newRequests()).toEqual([]);
    expect((await lab.streams()).map(({ lastComplete }) => lastComplete)).toEqual([clock.now(), clock.now()]);
  });

  it('the date of the tenants’ answer is the clock at the very first poll', async () => {
    await start(1, { initial_lookback: '1d', intraday_interval: null });
    const date = new Date(clock.now() - 3 * 24 * HOUR).toUTCString();
    petra.script.push(
      { status: 200, headers: { date }, body: { tenants: petra.tenants.all } },
      { status: 500, headers: { date } },
    );

    await lab.poll();

    expect(days()).toEqual(['2026-03-06']);
  });

  it('tenants named by either id are read under the canonical one', async () => {
    await start(3, { initial_lookback: '1d', intraday_interval: null });
    const [chosen] = petra.tenants.all;
    const listed = new PetraLab({
      source,
      url: petra.url,
      clock,
      config: { tenants: [chosen?.microsoftTenantId], initial_lookback: '1d', intraday_interval: null },
    });

    await listed.poll();

    expect((await listed.streams()).map(({ scope }) => scope)).toEqual([chosen?.petraTenantId]);
  });
});
