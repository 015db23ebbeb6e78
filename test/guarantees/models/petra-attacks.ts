import fc from 'fast-check';
import type { EcsEvent } from '../../../src/core/event.ts';
import type { AttackReport } from '../../../src/simulators/petra-attacks.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/petra-failed-attacks/index.ts';
import type { Clocks } from './clocks.ts';
import { PETRA_FAILURES, type PetraVendor, tenantFails } from './petra-incidents.ts';
import { type Subject, worldOf } from './subject.ts';
import type { Collected, Verdict } from './vendor.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TOKEN = 'key-of-petra';
const SETTLE = 2 * HOUR;
/** Days that are read, at first and again. */
const DAYS = 4;

interface Settings {
  /** Of what the vendor counts. */
  readonly seed: number;
}

/** Counts grow during their day, and some are revised in the two days after it. */
export async function openAttacks({ seed }: Settings, clocks: Clocks): Promise<PetraVendor> {
  const tenants = drawTenants(seeded(2), 2);
  const clock = clocks.theirs;
  const world = { clock, random: seeded(seed), token: TOKEN, tenants, incidentsPerDay: 0 };
  const petra = await startPetra({ ...world, revisions: 0.6, top: 3 });
  return {
    petra,
    simulator: petra,
    clocks,
    source,
    config: { token: TOKEN, initial_lookback: `${DAYS}d`, intraday_interval: '5h', revise_days: DAYS },
    // Attacks happen by themselves, as time passes.
    appear: () => undefined,
    heal: () => petra.tenants.failing.clear(),
    get rest() {
      return [clocks.setBack + 7 * HOUR, 11 * MINUTE, 7 * HOUR];
    },
    judge(collected) {
      const newest = Math.floor((clock.now() - SETTLE) / DAY) - 1;
      // The oldest of the days that are read again: they ended two days ago, and nothing of them is revised any more.
      const days = [newest - 2, newest - 3].map((day) => day * DAY);
      const due = tenants.flatMap((tenant) =>
        days.flatMap((from) => {
          const report = petra.attacks.report(tenant, { from, to: from + DAY - 1 });
          return countsOf(report).map(([series, count]) => ({
            series: `${tenant.petraTenantId} ${new Date(from).toISOString()} ${series}`,
            count,
          }));
        }),
      );
      return judge(due, collected);
    },
    [Symbol.asyncDispose]: () => petra[Symbol.asyncDispose](),
  };
}

interface Count {
  readonly series: string;
  readonly count: number;
}

/** The last count of each series is the vendor's, and its deltas sum up to it. */
function judge(due: readonly Count[], { events }: Collected): Verdict {
  const bySeries = Map.groupBy(events, seriesOf);
  const last = (series: string) => Number(bySeries.get(series)?.at(-1)?.['petra.failed_attacks.count']);
  const days = new Set(due.map(({ series }) => dayOf(series)));
  const shown = new Set(due.map(({ series }) => series));
  // What is missing on a closed day has fallen to 0; a user has only left the list of the most targeted ones.
  const fallen = [...bySeries.keys()]
    .filter((series) => days.has(dayOf(series)) && !shown.has(series) && !series.includes(' user '))
    .map((series) => ({ series, count: 0 }));
  return {
    lost: [...due, ...fallen]
      .filter(({ series, count }) => last(series) !== count)
      .map(({ series, count }) => `${series} is ${last(series)}, not ${count}`),
    asNew: [...bySeries]
      .filter(([series, some]) => sumOf(some) !== last(series))
      .map(([series, some]) => `${series} sums up to ${sumOf(some)}, not ${last(series)}`),
  };
}

function sumOf(events: readonly EcsEvent[]): number {
  return events.reduce((total, event) => total + Number(event['petra.failed_attacks.delta']), 0);
}

function seriesOf(event: EcsEvent): string {
  const dimension = String(event['petra.failed_attacks.dimension']);
  const subject = {
    total: '',
    attack_type: event['petra.failed_attacks.attack_type'],
    country: event['source.geo.country_iso_code'],
    user: event['user.email'],
  }[dimension];
  return [event['petra.tenant.id'], event['event.start'], dimension, subject].map(String).join(' ');
}

/** The tenant and the day of a series. */
function dayOf(series: string): string {
  return series.split(' ', 2).join(' ');
}

/** A report as counts by series. */
function countsOf({
  totalCount,
  byDay,
  byCountry,
  topTargetedUsers,
}: AttackReport): (readonly [string, number])[] {
  return [
    ['total ', totalCount],
    ...byDay.flatMap(({ byType }) =>
      byType.map((row) => [`attack_type ${row.attackType}`, row.count] as const),
    ),
    ...byCountry.map((row) => [`country ${row.countryCode}`, row.count] as const),
    ...topTargetedUsers.map((row) => [`user ${row.userPrincipalName}`, row.count] as const),
  ];
}

export const ATTACKS: Subject = {
  name: 'petra-failed-attacks',
  worlds: fc.record<Settings>({ seed: fc.nat() }).map((settings) => worldOf(openAttacks, settings)),
  late: [],
  passes: [MINUTE, HOUR, 20 * HOUR],
  sets: [
    { min: -2 * HOUR, max: -4 * SECOND },
    { min: 0, max: 2 * HOUR },
  ],
  failures: PETRA_FAILURES,
  own: [tenantFails],
};
