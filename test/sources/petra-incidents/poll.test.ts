import { afterEach, describe, expect, it } from 'vitest';
import { PetraLab } from '../_petra/lab.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/petra-incidents/index.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

let clock: DrivenClock;
let petra: Petra;
let lab: PetraLab;
let ids: readonly string[];

async function start(config: Record<string, unknown> = {}, tenants = 3): Promise<void> {
  clock = new DrivenClock();
  const drawn = drawTenants(seeded(2), tenants);
  ids = drawn.map(({ petraTenantId }) => petraTenantId).toSorted();
  petra = await startPetra({
    clock,
    random: seeded(1),
    token: 'the key',
    tenants: drawn,
    incidentsPerDay: 0,
  });
  lab = new PetraLab({ source, url: petra.url, clock, config });
}

function add(tenant: string | undefined, count: number, ago: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const createdAt = clock.now() - ago - n * MINUTE;
    return petra.incidents.add(tenant ?? '', { createdAt }).id;
  });
}

function updates() {
  return lab.events.filter((event) => event['event.action'] === 'incident-updated');
}

async function gaps(reason: string) {
  return (await lab.gaps()).filter((gap) => gap.reason === reason);
}

/** Requests since the last call, as the tenant that they asked for. */
function newRequests(): string[] {
  const fresh = petra.requests.filter(({ path }) => path === '/v1/incidents').slice(seen);
  seen += fresh.length;
  return fresh.map(({ query }) => query.get('tenantId') ?? 'all');
}
let seen = 0;

afterEach(async () => {
  seen = 0;
  await petra[Symbol.asyncDispose]();
});

describe('a refresh', () => {
  it('a re-read emits a change with the status before, at the time it was seen', async () => {
    await start();
    const [id = ''] = add(ids[0], 1, 3 * DAY);
    await lab.poll();
    clock.jump(15 * MINUTE);
    petra.incidents.change(id, { remediationStatus: 'REMEDIATED', accountEnabled: false });

    await lab.poll();

    expect(updates()).toMatchObject([
      {
        '@timestamp': '2026-03-02T12:15:00.000Z',
        'event.kind': 'event',
        'event.category': ['intrusion_detection'],
        'event.type': ['info'],
        'petra.incident.id': id,
        'petra.incident.remediation_status': 'REMEDIATED',
        'petra.incident.previous.remediation_status': 'UNREMEDIATED',
        'petra.incident.user.account_enabled': false,
        'event.severity': 47,
      },
    ]);
  });

  it('an update is no alert: only a creation opens a case', async () => {
    await start();
    const [id = ''] = add(ids[0], 1, DAY);
    await lab.poll();
    clock.jump(15 * MINUTE);
    petra.incidents.change(id, { accountEnabled: false });

    await lab.poll();

    expect(lab.events.map((event) => [event['event.action'], event['event.kind']])).toEqual([
      ['incident-created', 'alert'],
      ['incident-updated', 'event'],
    ]);
  });

  it('a status that is A, B and A is three events with three ids', async () => {
    await start();
    const [id = ''] = add(ids[0], 1, DAY);
    await lab.poll();
    for (const remediationStatus of ['REMEDIATED', 'UNREMEDIATED']) {
      clock.jump(15 * MINUTE);
      petra.incidents.change(id, { remediationStatus });
      await lab.poll();
    }

    expect(updates()).toHaveLength(2);
    expect(new Set(lab.emitted.map(({ uid }) => uid)).size).toBe(3);
  });

  it('a dwell time that grows alone is no change', async () => {
    await start();
    const row = { id: 'i-1', createdAt: '2026-03-02T11:55:00Z', remediationStatus: 'UNREMEDIATED' };
    const answers = [4.5, 9.5].map((dwellTimeMinutes) => ({ incidents: [{ ...row, dwellTimeMinutes }] }));
    petra.script.push(...answers.map((body) => ({ status: 200, body })));

    await lab.poll();
    await lab.poll();

    expect(lab.events).toHaveLength(1);
  });

  it.each(['run', 'once'] as const)(
    'a re-read waits refresh_interval since the last one ended (%s)',
    async (mode) => {
      await start();
      const counts: number[] = [];
      for (let minute = 0; minute <= 31; minute += 1) {
        await lab.poll({ mode });
        counts.push(newRequests().length);
        clock.jump(MINUTE);
      }

      expect(counts.flatMap((count, minute) => (count === 2 ? [minute] : []))).toEqual([15, 30]);
    },
  );

  it('a re-read reaches track_updates_for back, no further', async () => {
    await start();
    const [young = '', old = ''] = [...add(ids[0], 1, 13 * DAY), ...add(ids[0], 1, 15 * DAY)];
    await lab.poll();
    clock.jump(15 * MINUTE);
    for (const id of [young, old]) petra.incidents.change(id, { remediationStatus: 'PEN_TEST' });

    await lab.poll();

    expect(updates().map((event) => event['petra.incident.id'])).toEqual([young]);
    expect(await lab.gaps()).toEqual([]);
  });

  it('the ledger keeps what is tracked, or may be read again after a clock was set back, and forgets the rest', async () => {
    await start();
    add(ids[0], 1, 0);
    await lab.poll();
    for (let day = 0; day < 47; day += 1) {
      clock.jump(DAY);
      await lab.poll();
    }

    expect(lab.events).toHaveLength(1);
    expect((await lab.streams())[0]?.ledger).toBe(0);
  });
});

describe('a refresh of more than one list holds', () => {
  it('a long re-read asks tenant by tenant, behind the live polls, and continues from poll to poll', async () => {
    await start({ limit: 10 }, 12);
    for (const id of ids) add(id, 3, DAY);
    await lab.poll();
    newRequests();
    const polls: string[][] = [];
    clock.jump(15 * MINUTE);
    for (let minute = 0; minute < 3; minute += 1) {
      await lab.poll();
      polls.push(newRequests());
      // A little more than the budget's window, which has a margin.
      clock.jump(MINUTE + 1_000);
    }

    expect(polls).toEqual([['all', 'all', ...ids.slice(0, 7)], ['all', ...ids.slice(7)], ['all']]);
    expect(petra.busiestMinute('incidents')).toBeLessThanOrEqual(10);
  });

  it('a long re-read reports what it owes', async () => {
    await start({ limit: 10 }, 12);
    for (const id of ids) add(id, 3, DAY);
    await lab.poll();
    clock.jump(15 * MINUTE);

    await lab.poll();

    expect((await lab.streams())[0]).toMatchObject({ deferred: 5, lastComplete: clock.now() });
  });

  it('a re-read shares a quota of one request at a time with the live polls', async () => {
    await start({ limit: 4, quota: { requests: 1, per: '1m' } });
    for (const id of ids) add(id, 3, DAY);
    await lab.poll();
    newRequests();
    clock.jump(15 * MINUTE);
    const polls: string[][] = [];
    for (let count = 0; count < 4; count += 1) {
      await lab.poll();
      polls.push(newRequests());
      clock.jump(MINUTE);
    }

    expect(polls.map((poll) => poll.filter((tenant) => tenant !== 'all'))).toEqual([
      [],
      [ids[0]],
      [ids[1]],
      [ids[2]],
    ]);
  });

  it('a re-read opens one gap for each tenant that it does not reach back in, and closes it when it does', async () => {
    await start({ limit: 4 });
    add(ids[0], 6, DAY);
    add(ids[1], 2, DAY);
    await lab.poll();
    for (let polls = 0; polls < 3; polls += 1) {
      clock.jump(15 * MINUTE);
      await lab.poll();
    }
    const open = await gaps('updates-out-of-reach');
    clock.jump(14 * DAY);

    await lab.poll();

    expect(open).toMatchObject([{ part: ids[0], closed: undefined, to: expect.any(Number) }]);
    expect(await gaps('updates-out-of-reach')).toMatchObject([{ part: ids[0], closed: clock.now() }]);
    expect(lab.emitted.filter(({ event }) => event['event.reason'] === 'updates-out-of-reach')).toHaveLength(
      1,
    );
  });

  it('a re-read continues where it was when the process died', async () => {
    await start({ limit: 4 });
    for (const id of ids) add(id, 3, DAY);
    await lab.poll();
    clock.jump(15 * MINUTE);
    await lab.poll({ diesAfter: 3 });
    newRequests();

    await lab.poll();

    expect(newRequests()).toEqual(['all', ids[1], ids[2]]);
  });
});
