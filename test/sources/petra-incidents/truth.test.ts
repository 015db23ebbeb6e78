import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PetraLab } from '../_petra/lab.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import type { EcsEvent } from '../../../src/core/event.ts';
import type { GapState } from '../../../src/journal/collection.ts';
import { drawTenants, type SimulatedIncident } from '../../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/petra-incidents/index.ts';
import { modelRuns } from '../../support/model-runs.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const TENANTS = drawTenants(seeded(2), 3);
const STATUSES = ['REMEDIATED', 'UNREMEDIATED', 'INCORRECT', 'SOMETHING_NEW'] as const;

const tenant = fc.nat(TENANTS.length - 1);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('create'), tenant, count: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('change'), which: fc.nat(), to: fc.constantFrom(...STATUSES) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('pass'),
      ms: fc.oneof(fc.nat(MINUTE), fc.nat(20 * MINUTE), fc.nat(3 * DAY)),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('poll') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('die'), after: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail'), tenant, status: fc.constantFrom(404, 500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('heal'), tenant }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('away') }) },
);
type Step = typeof step extends fc.Arbitrary<infer Drawn> ? Drawn : never;

/** Incidents of the millisecond that the cursor moves to, more of them than one list shows. */
const TIED: readonly Step[] = [
  { do: 'die', after: 1 },
  { do: 'create', tenant: 0, count: 4 },
  { do: 'die', after: 1 },
];

/** Plays a history against the real pipeline, and ends it with polls that nothing disturbs. */
async function play(
  steps: readonly Step[],
  check: (petra: Petra, lab: PetraLab, clock: DrivenClock) => Promise<void>,
) {
  const clock = new DrivenClock();
  await using petra = await startPetra({
    clock,
    random: seeded(1),
    token: 'the key',
    tenants: TENANTS,
    incidentsPerDay: 0,
  });
  const lab = new PetraLab({ source, url: petra.url, clock, config: { limit: 4 } });
  for (const one of steps) await act(one, petra, lab, clock);
  petra.tenants.failing.clear();
  for (let polls = 0; polls < 3; polls += 1) {
    clock.jump(16 * MINUTE);
    expect(await lab.poll()).toMatchObject({ outcome: 'complete' });
  }
  await check(petra, lab, clock);
}

async function act(one: Step, petra: Petra, lab: PetraLab, clock: DrivenClock): Promise<void> {
  const id = 'tenant' in one ? (TENANTS[one.tenant]?.petraTenantId ?? '') : '';
  if ('count' in one) for (let made = 0; made < one.count; made += 1) petra.incidents.add(id);
  if ('ms' in one) clock.jump(one.ms);
  if ('status' in one) petra.tenants.failing.set(id, one.status);
  if (one.do === 'heal') petra.tenants.failing.delete(id);
  if (one.do === 'poll') await lab.poll();
  if ('after' in one) await lab.poll({ diesAfter: one.after });
  if ('which' in one) {
    const { all } = petra.incidents;
    const chosen = all[one.which % Math.max(1, all.length)];
    if (chosen !== undefined) petra.incidents.change(chosen.id, { remediationStatus: one.to });
  }
  if (one.do === 'away') {
    await petra.away();
    await lab.poll();
    await petra.back();
  }
}

function eventsOf({ id }: SimulatedIncident, lab: PetraLab): readonly EcsEvent[] {
  return lab.events.filter((event) => event['petra.incident.id'] === id);
}

function isInGap({ tenant, createdAt }: SimulatedIncident, gaps: readonly GapState[]): boolean {
  return gaps.some(
    ({ part, from, to, closed }) =>
      closed === undefined && part === tenant.petraTenantId && from <= createdAt && createdAt < to,
  );
}

/** Whether the texts come one after another in the list, with others between. */
function isSubsequence(texts: readonly unknown[], list: readonly unknown[]): boolean {
  let at = 0;
  return texts.every((text) => {
    at = list.indexOf(text, at) + 1;
    return at > 0;
  });
}

describe('petra-incidents', () => {
  it('each incident is emitted once, or is in a gap', async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(steps, (history) =>
        play(history, async (petra, lab, clock) => {
          const gaps = await lab.gaps();
          for (const incident of petra.incidents.all) {
            const created = eventsOf(incident, lab).filter(
              (event) => event['event.action'] === 'incident-created',
            );
            expect(created.length).toBeLessThanOrEqual(1);
            expect(created.length === 1 || isInGap(incident, gaps)).toBe(true);
          }
          expect(new Set(lab.emitted.map(({ uid }) => uid)).size).toBe(lab.emitted.length);
          expect(Date.parse((await lab.cursor())['since'] as string)).toBeLessThanOrEqual(clock.now());
          expect(petra.busiestMinute('incidents')).toBeLessThanOrEqual(10);
        }),
      ),
      { numRuns: modelRuns(30), examples: [[TIED]] },
    );
  });

  it('changes are emitted in order, each with the status of the event before', async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(steps, (history) =>
        play(history, async (petra, lab) => {
          for (const incident of petra.incidents.all) {
            const events = eventsOf(incident, lab);
            const emitted = events.map((event) => event['petra.incident.remediation_status']);
            const previous = events.map((event) => event['petra.incident.previous.remediation_status']);
            expect(
              isSubsequence(
                emitted,
                incident.states.map((state) => state.remediationStatus),
              ),
            ).toBe(true);
            expect(previous).toEqual([undefined, ...emitted].slice(0, emitted.length));
          }
        }),
      ),
      { numRuns: modelRuns(15) },
    );
  });
});
