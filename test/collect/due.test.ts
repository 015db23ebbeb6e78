import { expect, test } from 'vitest';
import { startPetra } from '../../src/simulators/petra.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { openCounting, outcomes, pass, type CountingLab } from './support.ts';

const QUOTA = { requests: 4, per: '6s' };
const PROJECTS = ['p1', 'p2', 'p3', 'p4'];
const TYPES = ['country', 'endpoint', 'rule'];

function asked({ vendor }: CountingLab): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { path, query } of vendor.requests) {
    const stream = `${path.split('/')[5]} ${query.get('type')}`;
    counts.set(stream, (counts.get(stream) ?? 0) + 1);
  }
  return counts;
}

test('streams of one source take turns across processes when the quota is below the demand', async () => {
  const source = { project_ids: PROJECTS, types: TYPES, quota: QUOTA };
  await using counting = await openCounting({ rows: () => [], sources: { shops: source } });

  for (let run = 0; run < 9; run += 1) {
    const { polls } = await counting.pass(3_000);
    expect(outcomes(polls)).toEqual(['owed']);
    await counting.clock.advance(4_000);
  }

  const counts = asked(counting);
  expect(counts.size).toBe(12);
  expect([...counts.values()]).toEqual(Array.from({ length: 12 }, () => 3));
});

test('sources that share a quota take turns across processes', async () => {
  const names = PROJECTS.flatMap((project) => TYPES.map((type) => ({ project, type })));
  const sources = Object.fromEntries(
    names.map(({ project, type }) => [
      `${project}-${type}`,
      { project_ids: [project], types: [type], quota: QUOTA },
    ]),
  );
  await using counting = await openCounting({ rows: () => [], sources });

  for (let run = 0; run < 6; run += 1) {
    await counting.pass(3_000);
    await counting.clock.advance(4_000);
  }

  const counts = asked(counting);
  expect(counts.size).toBe(12);
  expect([...counts.values()]).toEqual(Array.from({ length: 12 }, () => 2));
});

test('a restarted daemon continues with the streams that waited longest', async () => {
  const source = { project_ids: PROJECTS, types: TYPES, quota: QUOTA, schedule: 'every 1s' };
  await using counting = await openCounting({ rows: () => [], sources: { shops: source }, mode: 'run' });
  const { lab } = counting;

  for (let run = 0; run < 6; run += 1) {
    await lab.open();
    lab.start();
    await lab.advance(5_000);
    await lab.stop();
    await counting.clock.advance(2_000);
  }

  expect(asked(counting).size).toBe(12);
  expect(Math.max(...asked(counting).values())).toBeLessThanOrEqual(3);
});

test('a stream that is unread for longer than readiness allows is listed as overdue', async () => {
  const source = { types: ['country', 'rule'], schedule: 'every 1m', retries: 0 };
  await using counting = await openCounting({
    rows: ({ query }) => (query.get('type') === 'rule' ? 'nothing' : []),
    sources: { shop: source },
  });

  const fresh = await counting.pass();
  await counting.clock.advance(10 * 60_000);
  const later = await counting.pass();

  expect(fresh.overdue).toEqual([]);
  expect(later.overdue).toEqual([{ source: 'shop', name: 'shop/shop/rule/DAY' }]);
});

test('a source whose discovery waits for the quota is owed, which is no failure', async () => {
  const clock = new DrivenClock();
  await using petra = await startPetra({
    clock,
    random: seeded(1),
    token: 'key-of-petra',
    tenants: [
      {
        petraTenantId: 't-1',
        name: 'North',
        microsoftTenantId: 'm-1',
        isPaused: false,
        onboardingDate: '2026-01-01T00:00:00.000Z',
      },
    ],
  });
  await using receiver = await startReceiver({ clock });
  const source = { type: 'petra-failed-attacks', base_url: petra.url, token: 'key-of-petra' };
  const config = { destinations: { siem: { endpoint: receiver.url } }, sources: { attacks: source } };
  await using lab = await openLab({ clock, config, mode: 'once' });

  for (let run = 0; run < 10; run += 1) await pass(lab, clock, 1_000);
  const before = petra.asks('tenants').length;
  const { polls } = await pass(lab, clock, 1_000);

  expect(before).toBe(10);
  expect(petra.asks('tenants')).toHaveLength(10);
  expect(polls).toMatchObject([{ outcome: 'owed', stats: { deferred: 1 }, errors: [] }]);
});
