import { DateTime } from 'luxon';
import type { Clock, Random } from '../core/clock.ts';
import { type AttackReport, PetraAttacks } from './petra-attacks.ts';
import {
  PetraIncidents,
  type PetraTenant,
  PetraTenants,
  type SimulatedIncident,
} from './petra-organisation.ts';
import { type Place, serve, type SimulatedAnswer, type SimulatedRequest, type Simulator } from './server.ts';

export interface PetraOptions extends Place {
  readonly clock: Clock;
  readonly random: Random;
  /** The API key. */
  readonly token: string;
  readonly tenants: readonly PetraTenant[];
  /** Incidents a day, of all tenants together. Default 20; 0 when a test adds them. */
  readonly incidentsPerDay?: number;
  /** Milliseconds of incidents before the start. Default 30 d. */
  readonly history?: number;
  /** Length of `topTargetedUsers`. Default 10. */
  readonly top?: number;
  /** Share of the attacks that are revised within two days after their day. Default 0.1. */
  readonly revisions?: number;
  /** Requests in any minute, by route. Default as documented: 10, 10 and 1. */
  readonly limits?: Partial<Record<PetraRoute, number>>;
}

type PetraRoute = 'tenants' | 'incidents' | 'failed-attacks';

/** An answer about a tenant's failed attacks. */
interface ShownAttacks {
  readonly tenantId: string;
  /** Start of the requested window, epoch ms. */
  readonly from: number;
  readonly report: AttackReport;
}

export interface Petra extends Simulator {
  readonly tenants: PetraTenants;
  readonly incidents: PetraIncidents;
  readonly attacks: PetraAttacks;
  /** The last answer with failed attacks for each tenant and start of a window. */
  readonly shown: ReadonlyMap<string, ShownAttacks>;
  /** Times of all requests of a route, rejected ones included, epoch ms. */
  asks(route: PetraRoute): number[];
  /** The most requests of a route in any sliding minute. */
  busiestMinute(route: PetraRoute): number;
}

const DAY = 86_400_000;

/** The three routes of Petra Security's API that Penstock reads, as docs.petrasecurity.com and its users describe them. */
export async function startPetra(options: PetraOptions): Promise<Petra> {
  const { clock, random, limits = {} } = options;
  const tenants = new PetraTenants(options.tenants);
  const { incidentsPerDay: perDay = 20, history = 30 * DAY, top = 10, revisions = 0.1 } = options;
  const incidents = new PetraIncidents({ clock, random, tenants, perDay, history });
  const attacks = new PetraAttacks({ clock, random, top, revisions });
  const shown = new Map<string, ShownAttacks>();
  const note = (one: ShownAttacks) => shown.set(`${one.tenantId}|${one.from}`, one);
  const routes: Record<PetraRoute, Route> = {
    tenants: {
      throttle: new PetraThrottle(clock, limits.tenants ?? 10),
      answer: () => answerTenants(tenants),
    },
    incidents: {
      throttle: new PetraThrottle(clock, limits.incidents ?? 10),
      answer: (request) => answerIncidents(request, tenants, incidents),
    },
    'failed-attacks': {
      throttle: new PetraThrottle(clock, limits['failed-attacks'] ?? 1),
      answer: (request) => answerAttacks(request, tenants, { attacks, note }),
    },
  };
  const simulator = await serve((request) => answer(request, routes, options.token), options);
  const asks = (route: PetraRoute) =>
    simulator.requests.filter(({ path }) => path === `/v1/${route}`).map(({ at }) => at);
  return Object.assign(simulator, {
    tenants,
    incidents,
    attacks,
    shown,
    asks,
    busiestMinute: (route: PetraRoute) => mostInAMinute(asks(route)),
  });
}

interface Route {
  readonly throttle: PetraThrottle;
  readonly answer: (request: SimulatedRequest) => SimulatedAnswer;
}

function answer(
  request: SimulatedRequest,
  routes: Readonly<Record<string, Route>>,
  token: string,
): SimulatedAnswer {
  const route = routes[request.path.replace(/^\/v1\//, '')];
  if (route === undefined) return failure(404, 'NOT_FOUND', `Cannot GET ${request.path}`);
  if ((request.headers['user-agent'] ?? '') === '') return failure(403, 'FORBIDDEN', 'Forbidden');
  if (request.headers['authorization'] !== `Bearer ${token}`) {
    return failure(401, 'UNAUTHORIZED', 'Invalid API key');
  }
  return route.throttle.refuse() ?? route.answer(request);
}

/** `GET /v1/tenants` */
export function answerTenants(tenants: PetraTenants): SimulatedAnswer {
  return ok({ totalTenants: tenants.all.length, tenants: tenants.all });
}

/** `GET /v1/incidents` */
export function answerIncidents(
  { query, at }: SimulatedRequest,
  tenants: PetraTenants,
  incidents: PetraIncidents,
): SimulatedAnswer {
  const tenantId = query.get('tenantId');
  const tenant = tenantId === null ? undefined : tenants.find(tenantId);
  if (tenantId !== null && tenant === undefined) return unknownTenant();
  const status = tenants.failing.get(tenant?.petraTenantId ?? '');
  if (status !== undefined) return failure(status, 'TENANT_UNAVAILABLE', 'The tenant cannot be read now');
  const from = query.has('startDate') ? instant(query.get('startDate')) : 0;
  // The documentation has no 400 for this route.
  if (from === undefined) return failure(500, 'INTERNAL_SERVER_ERROR', 'An unexpected error occurred');
  const limit = Math.min(500, Math.max(1, Number(query.get('limit') ?? 100) || 100));
  const rows = incidents.list({ tenantId: tenant?.petraTenantId, from, limit });
  return ok({ incidents: rows.map((incident) => toRow(incident, at)) });
}

interface Counting {
  readonly attacks: PetraAttacks;
  /** Called with every answer. */
  readonly note: (shown: { tenantId: string; from: number; report: AttackReport }) => void;
}

/** `GET /v1/failed-attacks` */
export function answerAttacks(
  { query, at }: SimulatedRequest,
  tenants: PetraTenants,
  { attacks, note }: Counting,
): SimulatedAnswer {
  const to = query.has('endDate') ? instant(query.get('endDate')) : at;
  const from = query.has('startDate') ? instant(query.get('startDate')) : (to ?? at) - 30 * DAY;
  if (from === undefined || to === undefined || from > to) {
    return failure(400, 'BAD_REQUEST', 'Invalid startDate or endDate');
  }
  const tenant = tenants.find(query.get('tenantId') ?? '');
  if (tenant === undefined) return unknownTenant();
  const status = tenants.failing.get(tenant.petraTenantId);
  if (status !== undefined) return failure(status, 'TENANT_UNAVAILABLE', 'The tenant cannot be read now');
  const { petraTenantId, name, microsoftTenantId } = tenant;
  const report = attacks.report(tenant, { from, to });
  note({ tenantId: petraTenantId, from, report });
  return ok({
    dateRange: { startDate: new Date(from).toISOString(), endDate: new Date(to).toISOString() },
    tenant: { petraTenantId, name, microsoftTenantId },
    ...report,
  });
}

/** A date or a date-time, UTC where it names no zone; undefined when it is neither. */
function instant(text: string | null): number | undefined {
  const time = DateTime.fromISO(text ?? '', { zone: 'utc' });
  return time.isValid ? time.toMillis() : undefined;
}

/** The incident as the vendor shows it at a time. */
function toRow({ tenant, user, states, ...incident }: SimulatedIncident, at: number) {
  const state = states.findLast(({ from }) => from <= at) ?? states[0];
  const { petraTenantId, name, microsoftTenantId } = tenant;
  return {
    id: incident.id,
    url: `https://app.petrasecurity.com/tenant/${petraTenantId}/incidents/${incident.id}`,
    createdAt: new Date(incident.createdAt).toISOString(),
    occurredAt: new Date(incident.occurredAt).toISOString(),
    remediationStatus: state?.remediationStatus,
    isLive: incident.isLive,
    dwellTimeMinutes: incident.dwellTimeMinutes,
    tenant: { petraTenantId, name, microsoftTenantId },
    user: user && {
      ...user,
      accountEnabled: state?.accountEnabled,
      lastPasswordChangeDateTime: state?.lastPasswordChangeDateTime,
    },
  };
}

function ok(body: unknown): SimulatedAnswer {
  return { status: 200, body };
}

/** Errors are `{ error: { code, message } }`. */
export function failure(status: number, code: string, message: string): SimulatedAnswer {
  return { status, body: { error: { code, message } } };
}

function unknownTenant(): SimulatedAnswer {
  return failure(404, 'NOT_FOUND', 'The specified tenant was not found in your organization');
}

const MINUTE = 60_000;

/** The most requests in any sliding minute (half-open), from their times in epoch ms, in order. */
export function mostInAMinute(times: readonly number[]): number {
  let oldest = 0;
  return times.reduce((most, time, index) => {
    while ((times[oldest] ?? time) <= time - MINUTE) oldest += 1;
    return Math.max(most, index - oldest + 1);
  }, 0);
}

/** Allows so many requests in any sliding minute; rejected ones do not count. */
export class PetraThrottle {
  readonly #clock: Clock;
  readonly #limit: number;
  #granted: number[] = [];

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Undefined when the request is allowed; otherwise the 429, with the header name that Petra uses. */
  refuse(): SimulatedAnswer | undefined {
    const now = this.#clock.now();
    this.#granted = this.#granted.filter((time) => time > now - MINUTE);
    const oldest = this.#granted[0];
    if (oldest === undefined || this.#granted.length < this.#limit) {
      this.#granted.push(now);
      return undefined;
    }
    const seconds = Math.ceil((oldest + MINUTE - now) / 1000);
    return {
      status: 429,
      headers: { 'Retry-After-public-api': String(seconds) },
      body: { error: { code: 'RATE_LIMIT_EXCEEDED', message: 'Rate limit exceeded for this route' } },
    };
  }
}
