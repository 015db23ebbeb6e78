import { afterEach, describe, expect, it } from 'vitest';
import { DrivenClock } from '../support/driven-clock.ts';
import { type Decline, SUMMARY_TYPES } from '../../src/simulators/botbye-declines.ts';
import { type BotBye, type BotByeOptions, startBotBye } from '../../src/simulators/botbye.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const PROJECT = '185071d5-d4fe-4bea-93df-19d0bd8c2d0d';
const DECLINE: Decline = {
  remoteAddr: '192.0.2.7',
  country: 'DEU',
  requestUri: '/api/v1/login',
  failedMessage: 'Rate limit exceeded',
  rule: { ruleId: 'rule-123', ruleName: 'Block suspicious user agents' },
};

let botbye: BotBye;
let clock: DrivenClock;

async function start(options: Partial<BotByeOptions> = {}, at = '2026-03-02T12:00:00Z'): Promise<void> {
  clock = new DrivenClock(at);
  botbye = await startBotBye({
    clock,
    random: seeded(1),
    key: 'the key',
    accountId: 'acc-1',
    projectIds: [PROJECT],
    perMinute: 0,
    ...options,
  });
}

async function ask(
  query: Record<string, string>,
  {
    headers = { authorization: 'Bearer the key' },
    path = `acc-1/projects/${PROJECT}/overviews/declined_requests`,
  } = {},
) {
  const response = await fetch(`${botbye.url}/api/v1/${path}?${new URLSearchParams(query).toString()}`, {
    headers: headers as Record<string, string>,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown>[] };
}

async function total(interval_type: string): Promise<unknown> {
  const { body } = await ask({ type: 'rule', interval: '1', interval_type });
  return body[0]?.['declinedReqCount'];
}

afterEach(() => botbye[Symbol.asyncDispose]());

describe('The BotBye simulator', () => {
  it('the BotBye simulator answers each summary in the documented shape', async () => {
    await start();
    botbye.declines.decline(PROJECT, DECLINE, 356);

    const rows = await Promise.all(SUMMARY_TYPES.map(async (type) => (await ask({ type })).body));

    const common = { projectId: PROJECT, customerId: null, declinedReqCount: 356 };
    expect(rows.flat()).toEqual([
      { ...common, id: `${PROJECT}_192.0.2.7_DEU`, remoteAddr: '192.0.2.7', country: 'DEU' },
      { ...common, id: `${PROJECT}_DEU`, country: 'DEU' },
      { ...common, id: `${PROJECT}_/api/v1/login`, requestUri: '/api/v1/login' },
      { ...common, id: `${PROJECT}_total` },
      { ...common, id: `${PROJECT}_Rate limit exceeded`, failedMessage: 'Rate limit exceeded' },
      { ...common, id: `${PROJECT}_rule-123`, ruleId: 'rule-123', ruleName: 'Block suspicious user agents' },
    ]);
  });

  it('the BotBye simulator adds counts and series as its clock advances, most declined first', async () => {
    await start({ perMinute: 20 });
    const { body: before } = await ask({ type: 'attack_source' });

    await clock.advance(600_000);

    const { body: after } = await ask({ type: 'attack_source' });
    const counts = after.map((row) => Number(row['declinedReqCount']));
    expect(after.length).toBeGreaterThan(before.length);
    expect(counts).toEqual(counts.toSorted((one, other) => other - one));
    expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThan(2000);
  });

  it('the BotBye simulator starts hours, days and months anew at their edges, in its time zone', async () => {
    await start({ zone: 'Europe/Berlin' }, '2026-03-31T21:59:00Z');
    botbye.declines.decline(PROJECT, DECLINE, 5);
    const before = [await total('HOUR'), await total('DAY'), await total('MONTH')];

    await clock.advance(60_000);
    botbye.declines.decline(PROJECT, DECLINE, 2);
    const atMidnight = [await total('HOUR'), await total('DAY'), await total('MONTH')];
    await clock.advance(3_600_000);
    botbye.declines.decline(PROJECT, DECLINE, 1);

    expect(before).toEqual([5, 5, 5]);
    expect(atMidnight).toEqual([2, 2, 2]);
    expect([await total('HOUR'), await total('DAY'), await total('MONTH')]).toEqual([1, 3, 3]);
  });

  it('the BotBye simulator answers with the old bucket while its aggregator lags', async () => {
    await start({ lag: 20_000 }, '2026-03-02T23:59:59Z');
    botbye.declines.decline(PROJECT, DECLINE, 9);
    await clock.advance(20_000);

    const lagging = await total('DAY');
    await clock.advance(1000);

    expect(lagging).toBe(9);
    expect(await total('DAY')).toBeUndefined();
  });

  it('the BotBye simulator counts from 0 after a reset, and keeps the true counts', async () => {
    await start();
    botbye.declines.decline(PROJECT, DECLINE, 9);
    botbye.declines.reset(PROJECT);
    botbye.declines.decline(PROJECT, DECLINE, 2);

    const shown = await total('DAY');

    expect(shown).toBe(2);
    expect(botbye.shown.at(-1)?.rows).toMatchObject([{ declinedReqCount: 2 }]);
    expect(botbye.declines.truth(PROJECT, 'rule', 'DAY')).toEqual([
      { bucket: Date.parse('2026-03-02T00:00:00Z'), id: `${PROJECT}_rule-123`, declined: 11 },
    ]);
  });

  it.each([
    ['no type', {}, {}, 400],
    ['another type', { type: 'asn' }, {}, 400],
    ['another interval type', { type: 'rule', interval_type: 'WEEK' }, {}, 400],
    ['interval 0', { type: 'rule', interval: '0' }, {}, 400],
    ['no key', { type: 'rule' }, { headers: {} }, 401],
    ['the other header', { type: 'rule' }, { headers: { 'x-api-key': 'dGhlIGtleQ==' } }, 401],
    ['no right', { type: 'rule' }, { path: 'acc-1/projects/p-2/overviews/declined_requests' }, 403],
    ['another project', { type: 'rule' }, { path: 'acc-1/projects/p-3/overviews/declined_requests' }, 404],
    ['another path', { type: 'rule' }, { path: `acc-1/projects/${PROJECT}/overviews/declined_events` }, 404],
  ])('the BotBye simulator rejects %s with the documented error', async (_what, query, request, status) => {
    await start({ forbidden: ['p-2'] });

    const refused = await ask(query, request as Parameters<typeof ask>[1]);

    expect(refused).toEqual({
      status,
      body: { message: expect.any(String), code: expect.any(String), type: 'ERROR', context: {} },
    });
  });

  it('the BotBye simulator accepts X-Api-Key, another path and another total, when configured', async () => {
    await start({ auth: 'x-api-key', resource: 'declined_events', total: 'object' });
    botbye.declines.decline(PROJECT, DECLINE, 3);

    const { body } = await ask(
      { type: 'total_endpoint' },
      {
        headers: { 'x-api-key': Buffer.from('the key').toString('base64') } as never,
        path: `acc-1/projects/${PROJECT}/overviews/declined_events`,
      },
    );

    expect(body).toMatchObject({ declinedReqCount: 3 });
  });
});
