import { expect, it } from 'vitest';
import { PetraLab } from '../_petra/lab.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/petra-failed-attacks/index.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const [TENANT] = drawTenants(seeded(2), 1) as [ReturnType<typeof drawTenants>[number]];

it.each([
  ['a day', DAY],
  ['ten days', 10 * DAY],
])('a Date that is %s ahead closes days too early, and revise_days corrects their counts', async (_, by) => {
  const clock = new DrivenClock('2026-03-10T12:00:00Z');
  const world = { clock, random: seeded(3), token: 'the key', tenants: [TENANT] };
  await using petra = await startPetra({ ...world, incidentsPerDay: 0, revisions: 0, top: 3 });
  const config = { initial_lookback: '2d', revise_days: 2, revise_interval: '6h' };
  const lab = new PetraLab({ source, url: petra.url, clock, config });
  await lab.poll();
  petra.proxy.headers = ({ at }) => ({ date: new Date(at + by).toUTCString() });
  await lab.poll();
  const early = totals(lab);
  petra.proxy.headers = undefined;
  for (let hours = 0; hours < 14 * 24; hours += 7) {
    clock.jump(7 * HOUR);
    await lab.poll();
  }

  const days = Array.from({ length: 12 }, (__, day) => Date.parse('2026-03-10T00:00:00Z') + day * DAY);
  const truth = days.map((from) => {
    const { totalCount } = petra.attacks.report(TENANT, { from, to: from + DAY - 1 }, clock.now());
    return [new Date(from).toISOString(), totalCount];
  });
  const emitted = totals(lab);
  expect(
    days.map((from) => [new Date(from).toISOString(), emitted.get(new Date(from).toISOString())]),
  ).toEqual(truth);
  expect(early.get('2026-03-10T00:00:00.000Z')).toBeLessThan(truth[0]?.[1] as number);
});

/** Sums of the deltas of each day's total. */
function totals(lab: PetraLab): Map<string, number> {
  const sums = new Map<string, number>();
  for (const event of lab.events) {
    if (event['petra.failed_attacks.dimension'] !== 'total') continue;
    const day = event['event.start'] as string;
    sums.set(day, (sums.get(day) ?? 0) + Number(event['petra.failed_attacks.delta']));
  }
  return sums;
}
