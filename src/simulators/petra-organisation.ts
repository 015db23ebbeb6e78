import type { Clock, Random } from '../core/clock.ts';
import { pick } from './seeded.ts';

/** One customer of the managed service provider whose key is used. */
export interface PetraTenant {
  readonly petraTenantId: string;
  readonly name: string;
  readonly microsoftTenantId: string;
  isPaused: boolean;
  readonly onboardingDate: string;
}

/** The tenants of one organisation, listed by name like the vendor's. Some leave, and some fail. */
export class PetraTenants {
  readonly #tenants: PetraTenant[];
  /** Status with which requests for a tenant are answered, by its Petra id: 404 for one that was just removed, 500… */
  readonly failing = new Map<string, number>();

  constructor(tenants: readonly PetraTenant[]) {
    this.#tenants = [...tenants];
  }

  get all(): readonly PetraTenant[] {
    return this.#tenants.toSorted((one, other) => one.name.localeCompare(other.name));
  }

  /** By Petra or Microsoft id. */
  find(id: string): PetraTenant | undefined {
    return this.#tenants.find(({ petraTenantId, microsoftTenantId }) =>
      [petraTenantId, microsoftTenantId].includes(id),
    );
  }

  add(tenant: PetraTenant): void {
    this.#tenants.push(tenant);
  }

  /** The tenant leaves the organisation: it is no longer listed, and requests for it are answered 404. */
  remove(id: string): void {
    const at = this.#tenants.findIndex(({ petraTenantId }) => petraTenantId === id);
    if (at >= 0) this.#tenants.splice(at, 1);
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const NAMES = ['Acme', 'Globex', 'Initech', 'Umbra', 'Hooli', 'Stark', 'Wayne', 'Wonka', 'Tyrell', 'Soylent'];

/** `count` tenants, onboarded long ago; the same ones for the same `random`. */
export function drawTenants(random: Random, count: number): PetraTenant[] {
  return Array.from({ length: count }, (_, index) => ({
    petraTenantId: Array.from({ length: 6 }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join(''),
    name: `${NAMES[index % NAMES.length]} ${index + 1}`,
    microsoftTenantId: drawUuid(random),
    isPaused: false,
    onboardingDate: '2025-01-15T09:00:00.000Z',
  }));
}

/** A random UUID (version 4). */
export function drawUuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** A Microsoft 365 account, as incidents name it. */
export interface PetraUser {
  readonly id: string;
  readonly userPrincipalName: string | null;
  readonly mail: string | null;
  readonly displayName: string | null;
}

const FIRST = ['Anakin', 'Neal', 'Nick', 'Asha', 'Pink', 'Solon', 'Annabel', 'Zoë', 'Łukasz', 'Mei'] as const;
const LAST = ['Skywalker', 'Caffrey', 'Renner', 'Streich', 'Jones', 'Doyle', 'Ankunding', 'Wang'] as const;

/** One in twenty accounts was deleted, one in ten has no mailbox. */
export function drawUser(random: Random, tenant: PetraTenant): PetraUser | null {
  const [first, last] = [pick(random, FIRST), pick(random, LAST)];
  const userPrincipalName = `${first}.${last}@${domainOf(tenant)}`.toLowerCase();
  const user = { id: drawUuid(random), userPrincipalName, displayName: `${first} ${last}` };
  const mail = random() < 0.1 ? null : userPrincipalName;
  return random() < 0.05 ? null : { ...user, mail };
}

export function domainOf({ name }: PetraTenant): string {
  return `${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')}.example`;
}

/** The changing part of an incident, from a time on (epoch ms). */
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
  /** When lists begin to show it; later than `createdAt` for an incident that comes late. */
  readonly shownFrom: number;
  readonly isLive: boolean;
  readonly dwellTimeMinutes: number | null;
  readonly user: PetraUser | null;
  /** Oldest first; never empty. */
  readonly states: readonly IncidentState[];
}

/** The parameters of `GET /v1/incidents`. Epoch ms. */
export interface IncidentQuery {
  readonly tenantId?: string | undefined;
  readonly from?: number | undefined;
  readonly limit: number;
}

interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly tenants: PetraTenants;
  /** Incidents a day, of all tenants together, on average; 0 when a test adds them. */
  readonly perDay: number;
  /** Milliseconds of incidents before the start. */
  readonly history: number;
}

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Incidents that are created and change as the clock advances. */
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

  /** The newest first, as the vendor lists them. A test may set `createdAt` ahead of the clock. */
  list({ tenantId, from = 0, limit }: IncidentQuery): SimulatedIncident[] {
    this.#advance();
    const now = this.#world.clock.now();
    return [...this.#incidents.values()]
      .filter(({ createdAt, shownFrom }) => createdAt >= from && shownFrom <= now)
      .filter(({ tenant }) => tenantId === undefined || tenant.petraTenantId === tenantId)
      .toSorted((one, other) => other.createdAt - one.createdAt)
      .slice(0, limit);
  }

  /** Adds an incident, by default now. Returns it. */
  add(tenantId: string, own: Partial<SimulatedIncident> = {}): SimulatedIncident {
    const { clock, random, tenants } = this.#world;
    const tenant = tenants.find(tenantId);
    if (tenant === undefined) throw new Error(`No tenant ${tenantId} in this simulator.`);
    const createdAt = own.createdAt ?? clock.now();
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
      ...own,
    };
    this.#incidents.set(incident.id, incident);
    return incident;
  }

  /** Gives the incident a new state now. */
  change(id: string, change: Partial<IncidentState>): void {
    const incident = this.#incidents.get(id);
    const last = incident?.states.at(-1);
    if (incident === undefined || last === undefined) throw new Error(`No incident ${id} in this simulator.`);
    const state = { ...last, from: this.#world.clock.now(), ...change };
    this.#incidents.set(id, { ...incident, states: [...incident.states, state] });
  }

  /** Onboards a tenant: within a minute, `count` incidents of the last months are created. */
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

/** The states of an incident: most are remediated within a day, some are judged again days later. */
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
