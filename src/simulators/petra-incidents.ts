import type { Clock, Random } from '../core/clock.ts';
import { drawUser, type PetraUser } from './petra-users.ts';
import { drawUuid, type PetraTenant, type PetraTenants } from './petra-tenants.ts';
import { pick } from './seeded.ts';

/** What of an incident changes, from a time on (epoch ms). */
export interface IncidentState {
  readonly from: number;
  readonly remediationStatus: string;
  readonly accountEnabled: boolean | null;
  readonly lastPasswordChangeDateTime: string | null;
}

export interface SimulatedIncident {
  readonly id: string;
  readonly tenant: PetraTenant;
  /** Epoch ms, as `occurredAt`. */
  readonly createdAt: number;
  readonly occurredAt: number;
  /** From when lists show it; later than `createdAt` for an incident that comes late. */
  readonly shownFrom: number;
  readonly isLive: boolean;
  readonly dwellTimeMinutes: number | null;
  readonly user: PetraUser | null;
  /** Oldest first; never empty. */
  readonly states: readonly IncidentState[];
}

/** What `GET /v1/incidents` is asked. Epoch ms. */
export interface IncidentQuery {
  readonly tenantId?: string | undefined;
  readonly from?: number | undefined;
  readonly limit: number;
}

interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly tenants: PetraTenants;
  /** Incidents a day, of all tenants together, on average; 0 for a test that adds them by itself. */
  readonly perDay: number;
  /** Milliseconds of incidents before the start. */
  readonly history: number;
}

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Incidents that are created, change and come to rest as the lent clock moves. */
export class PetraIncidents {
  readonly #world: World;
  readonly #incidents = new Map<string, SimulatedIncident>();
  #next: number;

  constructor(world: World) {
    this.#world = world;
    this.#next = world.perDay === 0 ? Infinity : world.clock.now() - world.history + this.#pause();
  }

  /** Every incident created so far, with the states it has taken so far, oldest first. */
  get all(): SimulatedIncident[] {
    this.#advance();
    const now = this.#world.clock.now();
    return [...this.#incidents.values()]
      .filter(({ createdAt, shownFrom }) => Math.max(createdAt, shownFrom) <= now)
      .map((incident) => ({ ...incident, states: incident.states.filter(({ from }) => from <= now) }))
      .toSorted((one, other) => one.createdAt - other.createdAt);
  }

  /** The newest first, as the vendor lists them. `createdAt` may be ahead of the clock when a test says so. */
  list({ tenantId, from = 0, limit }: IncidentQuery): SimulatedIncident[] {
    this.#advance();
    const now = this.#world.clock.now();
    return [...this.#incidents.values()]
      .filter(({ createdAt, shownFrom }) => createdAt >= from && shownFrom <= now)
      .filter(({ tenant }) => tenantId === undefined || tenant.petraTenantId === tenantId)
      .toSorted((one, other) => other.createdAt - one.createdAt)
      .slice(0, limit);
  }

  /** Adds one now, or as told. Returns it. */
  add(tenantId: string, told: Partial<SimulatedIncident> = {}): SimulatedIncident {
    const { clock, random, tenants } = this.#world;
    const tenant = tenants.find(tenantId);
    if (tenant === undefined) throw new Error(`No tenant ${tenantId} in this simulator.`);
    const createdAt = told.createdAt ?? clock.now();
    const incident = {
      id: drawUuid(random),
      tenant,
      createdAt,
      occurredAt: createdAt - 5 * MINUTE,
      shownFrom: Math.min(createdAt, clock.now()),
      isLive: true,
      dwellTimeMinutes: 4.55,
      user: drawUser(random, tenant),
      states: [unremediated(createdAt)],
      ...told,
    };
    this.#incidents.set(incident.id, incident);
    return incident;
  }

  /** The incident takes a new state now. */
  change(id: string, change: Partial<IncidentState>): void {
    const incident = this.#incidents.get(id);
    const last = incident?.states.at(-1);
    if (incident === undefined || last === undefined) throw new Error(`No incident ${id} in this simulator.`);
    const state = { ...last, from: this.#world.clock.now(), ...change };
    this.#incidents.set(id, { ...incident, states: [...incident.states, state] });
  }

  /** A tenant is onboarded: within a minute, `count` incidents of the last months come to light. */
  onboard(tenantId: string, count: number): SimulatedIncident[] {
    const { clock, random } = this.#world;
    return Array.from({ length: count }, () => {
      const createdAt = clock.now() - Math.floor(random() * MINUTE);
      const occurredAt = createdAt - Math.floor((30 + random() * 150) * DAY);
      const status = random() < 0.8 ? 'REMEDIATED_PRIOR_TO_ONBOARDING' : 'UNCOVERED_IN_BASELINING';
      const states = [{ ...unremediated(createdAt), remediationStatus: status }];
      return this.add(tenantId, { createdAt, occurredAt, isLive: false, dwellTimeMinutes: null, states });
    });
  }

  /** Time to the next incident: exponential, as independent arrivals are. */
  #pause(): number {
    return (-Math.log(1 - this.#world.random()) * DAY) / this.#world.perDay;
  }

  #advance(): void {
    const { clock, random, tenants } = this.#world;
    for (; this.#next <= clock.now(); this.#next += this.#pause()) {
      const active = tenants.all.filter(({ isPaused }) => !isPaused);
      if (active.length === 0) continue;
      const createdAt = Math.floor(this.#next);
      const dwell = random() < 0.2 ? null : random() * 5000;
      this.add(pick(random, active).petraTenantId, {
        createdAt,
        shownFrom: createdAt,
        occurredAt: createdAt - Math.ceil((dwell ?? 1) * MINUTE * 0.9),
        dwellTimeMinutes: dwell,
        states: drawLife(random, createdAt),
      });
    }
  }
}

function unremediated(from: number): IncidentState {
  return { from, remediationStatus: 'UNREMEDIATED', accountEnabled: true, lastPasswordChangeDateTime: null };
}

/** How an incident goes on: most are remediated within a day, some are judged again days later. */
function drawLife(random: Random, createdAt: number): IncidentState[] {
  const first = unremediated(createdAt);
  const locked = { ...first, accountEnabled: false, remediationStatus: 'LOCKED_AWAITING_PASSWORD_RESET' };
  const lockedAt = createdAt + Math.ceil(random() * 120 * MINUTE);
  const resetAt = lockedAt + Math.ceil(random() * DAY);
  const reset = {
    from: resetAt,
    remediationStatus: 'REMEDIATED',
    accountEnabled: true,
    lastPasswordChangeDateTime: new Date(resetAt).toISOString(),
  };
  const judged = { ...reset, from: resetAt + Math.ceil(random() * 5 * DAY), remediationStatus: 'INCORRECT' };
  const states = [first, { ...locked, from: lockedAt }, reset, judged];
  return states.slice(0, random() < 0.2 ? 4 : 1 + Math.floor(random() * 3));
}
