import fc from 'fast-check';
import type { EcsEvent } from '../../../src/core/event.ts';
import { drawTenants, type SimulatedIncident } from '../../../src/simulators/petra-organisation.ts';
import { failure, type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/petra-incidents/index.ts';
import type { Clocks } from './clocks.ts';
import { difference } from './difference.ts';
import { FAILURES } from './failures.ts';
import { type Command, type Subject, worldOf } from './subject.ts';
import type { Collected, Vendor, Verdict } from './vendor.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const OVERLAP = 10 * MINUTE;
const TOKEN = 'key-of-petra';
const STATUSES = ['REMEDIATED', 'UNREMEDIATED', 'INCORRECT', 'SOMETHING_NEW'] as const;

export const PETRA_FAILURES = {
  ...FAILURES,
  '401': failure(401, 'UNAUTHORIZED', 'Invalid API key'),
  '403': failure(403, 'FORBIDDEN', 'Forbidden'),
  '404': failure(404, 'NOT_FOUND', 'The specified tenant was not found in your organization'),
  '429, as Petra sends it': { status: 429, headers: { 'Retry-After-public-api': '7' }, body: {} },
  '500': failure(500, 'INTERNAL_SERVER_ERROR', 'An unexpected error occurred'),
};

/** A vendor of Petra, of which tenants may fail. */
export interface PetraVendor extends Vendor {
  readonly petra: Petra;
}

/** A tenant is removed, or cannot be read, until it is well again. */
class TenantFails implements Command {
  readonly tenant: number;
  readonly status: number | undefined;

  constructor(tenant: number, status: number | undefined) {
    this.tenant = tenant;
    this.status = status;
  }

  check = () => true;

  async run(vendor: Vendor): Promise<void> {
    const { failing, all } = (vendor as PetraVendor).petra.tenants;
    const id = all[this.tenant]?.petraTenantId ?? '';
    if (this.status === undefined) failing.delete(id);
    else failing.set(id, this.status);
  }

  toString = () =>
    `tenant ${this.tenant} ${this.status === undefined ? 'is well' : `fails with ${this.status}`}`;
}

export const tenantFails: fc.Arbitrary<Command> = fc
  .tuple(fc.nat(1), fc.constantFrom(undefined, 404, 500))
  .map((drawn) => new TenantFails(...drawn));

interface Settings {
  /** The most incidents in one list. */
  readonly limit: number;
}

export async function openIncidents({ limit }: Settings, clocks: Clocks): Promise<PetraVendor> {
  const tenants = drawTenants(seeded(2), 3);
  const clock = clocks.theirs;
  const petra = await startPetra({ clock, random: seeded(1), token: TOKEN, tenants, incidentsPerDay: 0 });
  const tooLate = new Set<string>();
  return {
    petra,
    simulator: petra,
    clocks,
    source,
    config: { token: TOKEN, limit },
    appear: ({ ago, count, kind }) => {
      for (let added = 0; added < count; added += 1) {
        const tenant = tenants[kind]?.petraTenantId ?? '';
        const { id } = petra.incidents.add(tenant, { createdAt: clock.now() - ago, shownFrom: clock.now() });
        if (ago > OVERLAP) tooLate.add(id);
      }
    },
    change: (which) => {
      const { all } = petra.incidents;
      const chosen = all[which % Math.max(1, all.length)];
      const remediationStatus = STATUSES[which % STATUSES.length] ?? '';
      if (chosen !== undefined) petra.incidents.change(chosen.id, { remediationStatus });
    },
    heal: () => petra.tenants.failing.clear(),
    get rest() {
      return [clocks.setBack + 16 * MINUTE, 16 * MINUTE, 16 * MINUTE];
    },
    judge: (collected) => judge(petra.incidents.all, tooLate, collected),
    [Symbol.asyncDispose]: () => petra[Symbol.asyncDispose](),
  };
}

const statusOf = (event: EcsEvent) => event['petra.incident.remediation_status'];
const isCreation = (event: EcsEvent) => event['event.action'] === 'incident-created';

/** Each incident was created once, and its updates lead to the status that it has. */
function judge(
  incidents: readonly SimulatedIncident[],
  tooLate: ReadonlySet<string>,
  { events, gaps }: Collected,
): Verdict {
  const byId = Map.groupBy(events, (event) => event['petra.incident.id']);
  const inGap = ({ tenant, createdAt }: SimulatedIncident) =>
    gaps.some(
      ({ part, from, to, reason }) =>
        part === tenant.petraTenantId &&
        (reason === 'updates-out-of-reach' || (from <= createdAt && createdAt < to)),
    );
  const isMissed = (one: SimulatedIncident) => tooLate.has(one.id) || inGap(one);
  const due = incidents.filter((one) => !isMissed(one));
  const { lost, asNew } = difference({
    due: due.map(({ id }) => id),
    more: incidents.filter(isMissed).map(({ id }) => id),
    collected: events.filter(isCreation).map((event) => String(event['petra.incident.id'])),
  });
  const unseen = due.flatMap(({ id, states }) => {
    const [last, is] = [byId.get(id)?.at(-1), states.at(-1)?.remediationStatus];
    return last === undefined || statusOf(last) === is ? [] : [`${id}, which is ${is}`];
  });
  const broken = [...byId].filter(([, all]) => !isChain(all)).map(([id]) => `an update of ${String(id)}`);
  return { lost: [...lost, ...unseen], asNew: [...asNew, ...broken] };
}

/** Each update names the status of the event before it. */
function isChain(events: readonly EcsEvent[]): boolean {
  return events.every(
    (event, index) =>
      event['petra.incident.previous.remediation_status'] ===
      (index === 0 ? undefined : statusOf(events[index - 1]!)),
  );
}

export const INCIDENTS: Subject = {
  name: 'petra-incidents',
  worlds: fc
    .record<Settings>({ limit: fc.constantFrom(2, 4, 100) })
    .map((settings) => worldOf(openIncidents, settings)),
  late: [0, 1, OVERLAP - 2 * SECOND, HOUR],
  passes: [MINUTE, 20 * MINUTE, 3 * DAY],
  sets: [
    { min: -2 * HOUR, max: -4 * SECOND },
    { min: 0, max: 2 * HOUR },
  ],
  failures: PETRA_FAILURES,
  own: [tenantFails],
};
