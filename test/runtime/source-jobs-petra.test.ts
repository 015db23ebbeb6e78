import { expect, it } from 'vitest';
import { openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { enqueue, outcomeOf } from '../../src/runtime/jobs.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { drawTenants } from '../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../src/simulators/petra.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TOKEN = 'token-of-the-petra-backfill-test';
const MINUTE = 60_000;
const DAY = 86_400_000;

/** Midnight, ten days before. */
const FROM = Date.parse('2026-02-20T00:00:00Z');

it('a backfill of Petra counts every closed day of a span once per tenant, at one request a minute', async () => {
  const clock = new DrivenClock();
  const random = seeded(3);
  const tenants = drawTenants(random, 2);
  await using petra = await startPetra({ clock, random, token: TOKEN, tenants, revisions: 0 });
  await using receiver = await startReceiver({ clock });
  await using lab = await openLab({
    clock,
    lookEvery: 1_000,
    config: {
      destinations: { siem: { endpoint: receiver.url, compression: 'none' } },
      sources: {
        attacks: {
          type: 'petra-failed-attacks',
          base_url: petra.url,
          token: TOKEN,
          schedule: 'every 10m',
          initial_lookback: '2d',
          revise_days: 0,
          intraday_interval: null,
        },
      },
    },
  });
  await lab.open();
  lab.start();
  const want = {
    kind: 'backfill',
    source: 'attacks',
    from: FROM + 1,
    to: FROM + 3 * DAY,
    again: false,
  } as const;
  const finish = async (again = false) => {
    const id = await enqueue(lab.app.journal.jobs, { ...want, again }, clock.now());
    for (let minutes = 0; minutes < 120; minutes += 1) {
      const job = await lab.app.journal.jobs.find(id);
      const outcome = job && outcomeOf(job);
      if (outcome !== undefined) return outcome;
      await lab.advance(MINUTE);
    }
    throw new Error('the backfill does not end');
  };

  const first = await finish();
  const asked = petra.asks('failed-attacks').length;
  const sent = receiver.received().length;
  const second = await finish();
  const again = await finish(true);

  expect(first.code).toBe(0);
  expect(second.code).toBe(0);
  expect(again).toMatchObject({ code: 2, message: expect.stringContaining('a store would count twice') });
  expect(petra.busiestMinute('failed-attacks')).toBe(1);
  expect(petra.asks('failed-attacks')).toHaveLength(asked);
  expect(receiver.received()).toHaveLength(sent);
  for (const tenant of tenants) {
    for (const day of [FROM, FROM + DAY, FROM + 2 * DAY]) {
      const totals = receiver
        .received()
        .map(({ record: { attributes } }) => attributes)
        .filter(
          (event) =>
            event['organization.id'] === tenant.petraTenantId &&
            event['petra.failed_attacks.dimension'] === 'total' &&
            event['event.start'] === new Date(day).toISOString(),
        );
      expect(totals).toMatchObject([
        {
          'labels.penstock_lane': 'backfill',
          'petra.failed_attacks.final': true,
          'petra.failed_attacks.delta': petra.attacks.report(tenant, { from: day, to: day + DAY }).totalCount,
        },
      ]);
    }
  }
});
