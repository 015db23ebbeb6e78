import { afterEach, expect, test } from 'vitest';
import { rewindSource } from '../../src/collect/rewind.ts';
import { startBotBye } from '../../src/simulators/botbye.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { serve, type Simulator } from '../../src/simulators/server.ts';
import { openLab, type Lab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { arrivedEvent } from '../support/truth.ts';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

function keep<T extends AsyncDisposable>(one: T): T {
  opened.push(one);
  return one;
}

async function labOf(
  clock: DrivenClock,
  sources: Readonly<Record<string, object>>,
): Promise<Lab & { arrived(): Arrived[] }> {
  const receiver = keep(await startReceiver({ clock }));
  const destinations = { siem: { endpoint: receiver.url } };
  const lab = keep(await openLab({ clock, config: { destinations, sources } }));
  return Object.assign(lab, {
    arrived: () =>
      receiver.received().map((record) => {
        const event = arrivedEvent(record);
        return { uid: String(record.record.attributes['log.record.uid']), event };
      }),
  });
}

interface Arrived {
  readonly uid: string;
  readonly event: ReturnType<typeof arrivedEvent>;
}

/** One origin for every organisation of Petra: the key alone says whose incidents are answered. */
async function petraOf(clock: DrivenClock): Promise<Simulator> {
  const createdAt = new Date(clock.now() - 60_000).toISOString();
  const answer = (key: string) => ({
    incidents: [
      {
        id: 'i-1',
        createdAt,
        remediationStatus: 'REMEDIATED',
        tenant: { petraTenantId: 't-1', name: `Tenant of ${key}` },
      },
    ],
  });
  return keep(
    await serve(({ headers }) => ({ status: 200, body: answer(headers['authorization']?.slice(7) ?? '') }), {
      clock,
    }),
  );
}

test('two organisations at one origin are read side by side when `account` distinguishes them', async () => {
  const clock = new DrivenClock();
  const { url } = await petraOf(clock);
  const source = (account: string) => ({
    type: 'petra-incidents',
    base_url: url,
    token: `key-${account}`,
    account,
  });
  const lab = await labOf(clock, { north: source('north'), south: source('south') });
  await lab.open();
  const first = await lab.once();
  await lab.stop();
  const { journal, config } = await lab.open();
  const again = await lab.once();

  expect(first.polls).toMatchObject([{ outcome: 'complete' }, { outcome: 'complete' }]);
  expect(
    lab
      .arrived()
      .map(({ event }) => event['organization.name'])
      .toSorted(),
  ).toEqual(['Tenant of key-north', 'Tenant of key-south']);
  expect(new Set(lab.arrived().map(({ uid }) => uid)).size).toBe(2);
  expect(again.polls).toMatchObject([{ stats: { new: 0, repeated: 1 } }, { stats: { new: 0, repeated: 1 } }]);
  const keys = (await journal.streams.all()).map(({ key }) => key);
  expect(keys).toEqual(['north', 'south'].map((account) => `petra-incidents|${url}|${account}|`));

  const [north] = config.sources;
  if (north === undefined) throw new Error('There is no source.');
  const rewound = await rewindSource(journal, north, {
    to: clock.now() - 3_600_000,
    now: clock.now(),
    others: ['south'],
  });
  expect(rewound.map(({ stream }) => stream)).toEqual([keys[0]]);
});

test('hours and days of one BotBye project, and two accounts, are counted separately', async () => {
  const clock = new DrivenClock();
  const token = 'key-of-the-project';
  const places = ['acc-1', 'acc-2'].map((accountId) =>
    startBotBye({ clock, random: seeded(1), key: token, accountId, projectIds: ['shop'] }),
  );
  const [one, two] = (await Promise.all(places)).map(keep);
  if (one === undefined || two === undefined) throw new Error('There is no vendor.');
  // One origin for both accounts, as BotBye has it.
  const { url } = keep(
    await serve(
      async ({ path, query }) => {
        const target = path.startsWith('/api/v1/acc-1/') ? one : two;
        const answered = await fetch(`${target.url}${path}?${query}`, {
          headers: { authorization: `Bearer ${token}` },
        });
        return { status: answered.status, body: await answered.json() };
      },
      { clock },
    ),
  );
  const source = (account_id: string, interval_type: string) => ({
    type: 'botbye-declined-requests',
    base_url: url,
    token,
    account_id,
    project_ids: ['shop'],
    types: ['country'],
    interval_type,
  });
  const lab = await labOf(clock, {
    days: source('acc-1', 'DAY'),
    hours: source('acc-1', 'HOUR'),
    other: source('acc-2', 'DAY'),
  });
  await lab.open();
  await lab.advance(10 * 60_000);
  await lab.once();
  await lab.stop();
  await lab.open();
  await lab.advance(10 * 60_000);
  await lab.once();
  await lab.stop();
  const { journal } = await lab.open();

  const keys = (await journal.streams.all()).map(({ key }) => key);
  const place = `botbye-declined-requests|${url}`;
  expect(keys).toEqual([
    `${place}|acc-1|shop/country/DAY`,
    `${place}|acc-1|shop/country/HOUR`,
    `${place}|acc-2|shop/country/DAY`,
  ]);
  for (const [account, type] of [
    ['acc-1', 'DAY'],
    ['acc-1', 'HOUR'],
    ['acc-2', 'DAY'],
  ] as const) {
    const own = lab
      .arrived()
      .filter(
        ({ event }) =>
          event['botbye.account.id'] === account && event['botbye.declined_requests.interval.type'] === type,
      );
    expect(own.length).toBeGreaterThan(0);
    const last = new Map<unknown, number>();
    let deltas = 0;
    for (const { event } of own) {
      last.set(event['botbye.declined_requests.id'], Number(event['botbye.declined_requests.count']));
      deltas += Number(event['botbye.declined_requests.delta']);
    }
    expect(deltas).toBe([...last.values()].reduce((sum, count) => sum + count, 0));
  }
  expect(new Set(lab.arrived().map(({ uid }) => uid)).size).toBe(lab.arrived().length);
});
