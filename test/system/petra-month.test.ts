import { expect, it } from 'vitest';
import { type Lab, openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { arrivedEvent, distinct } from '../support/truth.ts';
import type { EcsEvent } from '../../src/core/event.ts';
import type { GapState } from '../../src/journal/collection.ts';
import { ACCEPTED, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { drawTenants, type SimulatedIncident } from '../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../src/simulators/petra.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { throttled } from '../../src/simulators/server.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DAYS = 30;
const TENANTS = 40;
const BURST = 3_000;
const KILLS = 25;
const TOKEN = 'token-of-the-petra-month';
const START = '2026-03-01T00:00:00Z';
const BEGIN = Date.parse(START);

/** A state that lasts so long is shown by some refresh: they come every two hours, and a walk over all tenants takes minutes. */
const SURELY_SHOWN = 5 * HOUR;
const TRACKED = 14 * DAY;

/** Kills the lab's process at a step of the journal that is drawn anew after each kill. */
class Killer {
  #left: number;
  kills = 0;
  lab: Lab | undefined;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
    this.#left = this.#draw();
  }

  readonly step = (): void => {
    this.#left -= 1;
    if (this.#left > 0 || this.kills >= KILLS || this.lab === undefined) return;
    this.kills += 1;
    this.#left = this.#draw();
    this.lab.kill();
  };

  #draw(): number {
    return 500 + Math.floor(this.#random() * 9_000);
  }
}

function byIncident(events: readonly EcsEvent[]): Map<string, EcsEvent[]> {
  const incidents = events.filter((event) => event['event.dataset'] === 'petra.incidents');
  return Map.groupBy(incidents, (event) => String(event['petra.incident.id']));
}

/** Whether the incident lies in a span that a gap names. */
function isMissing({ createdAt, tenant }: SimulatedIncident, gaps: readonly GapState[]): boolean {
  return gaps.some(
    ({ from, to, part, reason }) =>
      reason !== 'updates-out-of-reach' &&
      (part === '' || part === tenant.petraTenantId) &&
      from <= createdAt &&
      createdAt < to,
  );
}

/** The statuses that the vendor must have shown to somebody who reads again what is tracked, in order. */
function surelyShown(
  { states, createdAt }: SimulatedIncident,
  gaps: readonly GapState[],
  end: number,
): string[] {
  const outOfReach = gaps.filter(({ reason }) => reason === 'updates-out-of-reach');
  return states
    .map((state, index) => ({ ...state, to: states[index + 1]?.from ?? end }))
    .filter(({ from, to }) => Math.min(to, createdAt + TRACKED) - Math.max(from, BEGIN) >= SURELY_SHOWN)
    .filter(({ from, to }) => !outOfReach.some((gap) => gap.opened < to && from < (gap.closed ?? Infinity)))
    .map(({ remediationStatus }) => remediationStatus);
}

/** Whether `part` comes in `whole` in this order. */
function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let found = 0;
  for (const item of whole) if (item === part[found]) found += 1;
  return found === part.length;
}

function withoutRepeats(statuses: readonly string[]): string[] {
  return statuses.filter((status, index) => status !== statuses[index - 1]);
}

it(
  `Petra for ${DAYS} days, ${TENANTS} tenants, ${KILLS} kills: told once, changes in order, gaps named, budgets kept`,
  { timeout: 1_800_000 },
  async () => {
    const clock = new DrivenClock(START);
    const random = seeded(11);
    const tenants = drawTenants(random, TENANTS);
    await using petra = await startPetra({
      clock,
      random,
      token: TOKEN,
      tenants,
      incidentsPerDay: 60,
      history: 2 * DAY,
    });
    await using receiver = await startReceiver({ clock });
    const killer = new Killer(seeded(12));
    const common = { base_url: petra.url, token: TOKEN };
    await using lab = await openLab({
      clock,
      config: {
        destinations: { siem: { endpoint: receiver.url } },
        sources: {
          incidents: {
            type: 'petra-incidents',
            ...common,
            schedule: 'every 5m',
            initial_lookback: '7d',
            refresh_interval: '2h',
          },
          attacks: {
            type: 'petra-failed-attacks',
            ...common,
            schedule: 'every 1h',
            initial_lookback: '3d',
            intraday_interval: null,
            revise_days: 1,
          },
        },
      },
      onStep: killer.step,
    });
    killer.lab = lab;
    await lab.open();
    lab.start();
    const end = clock.now() + DAYS * DAY;
    const burstAt = clock.now() + 10 * DAY;

    while (clock.now() < end) {
      await lab.advance(HOUR);
      if (lab.killed) {
        await lab.open();
        lab.start();
      }
      if (random() < 0.05) petra.script.push(throttledAsPetraDoes(45));
      if (clock.now() === burstAt) petra.incidents.onboard(tenants[3]?.petraTenantId ?? '', BURST);
    }
    receiver.answer = () => ACCEPTED;
    await lab.advance(HOUR);
    if (lab.killed) {
      await lab.open();
      lab.start();
      await lab.advance(HOUR);
    }

    const events = distinct(receiver.ids()).map(arrivedEvent);
    const gaps = await lab.app.journal.gaps.of();
    const told = byIncident(events);
    const all = petra.incidents.all.filter(({ shownFrom }) => shownFrom < end - HOUR);
    expect(killer.kills).toBe(KILLS);
    expect(all.length).toBeGreaterThan(BURST + DAYS * 50);
    for (const incident of all) {
      const own = told.get(incident.id) ?? [];
      const created = own.filter((event) => event['event.action'] === 'incident-created');
      expect(isMissing(incident, gaps) ? [0, 1] : [1]).toContain(created.length);
      if (own.length === 0) continue;
      const statuses = withoutRepeats(own.map((event) => String(event['petra.incident.remediation_status'])));
      const lived = withoutRepeats(incident.states.map(({ remediationStatus }) => remediationStatus));
      expect(isSubsequence(statuses, lived)).toBe(true);
      const shown = withoutRepeats(surelyShown(incident, gaps, end - 6 * HOUR));
      expect({ incident, statuses, shown, complete: isSubsequence(shown, statuses) }).toMatchObject({
        complete: true,
      });
    }
    // The burst is more than a list can show: what is missing is told as a gap of its tenant, and shipped.
    const reasons = new Set(events.map((event) => event['penstock.gap.reason']));
    expect(reasons.has('list-full')).toBe(true);
    expect(petra.busiestMinute('incidents')).toBeLessThanOrEqual(10);
    expect(petra.busiestMinute('failed-attacks')).toBeLessThanOrEqual(1);
    expect(petra.busiestMinute('tenants')).toBeLessThanOrEqual(10);
  },
);

/** Petra names its header after its limiter. */
function throttledAsPetraDoes(seconds: number) {
  return { ...throttled(), headers: { 'retry-after-public-api': String(seconds) } };
}
