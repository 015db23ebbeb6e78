import type { Clock, Random } from '../core/clock.ts';
import { type AttackReport, PetraAttacks } from './petra-attacks.ts';
import { PetraIncidents } from './petra-incidents.ts';
import { answerAttacks, answerIncidents, answerTenants, failure } from './petra-routes.ts';
import { PetraTenants, type PetraTenant } from './petra-tenants.ts';
import { mostInAMinute, PetraThrottle } from './petra-throttle.ts';
import { type Place, serve, type SimulatedAnswer, type SimulatedRequest, type Simulator } from './server.ts';

export interface PetraOptions extends Place {
  readonly clock: Clock;
  readonly random: Random;
  /** The API key. */
  readonly token: string;
  readonly tenants: readonly PetraTenant[];
  /** Incidents a day, of all tenants together. Default 20; 0 for a test that adds them by itself. */
  readonly incidentsPerDay?: number;
  /** Milliseconds of incidents before the start. Default 30 d. */
  readonly history?: number;
  /** Length of `topTargetedUsers`. Default 10. */
  readonly top?: number;
  /** Part of the attacks that are revised within two days after theirs. Default 0.1. */
  readonly revisions?: number;
  /** Requests in any minute, by route. Default as documented: 10, 10 and 1. */
  readonly limits?: Partial<Record<PetraRoute, number>>;
}

type PetraRoute = 'tenants' | 'incidents' | 'failed-attacks';

/** What was answered of a tenant's failed attacks. */
interface ShownAttacks {
  readonly tenantId: string;
  /** Where the window that was asked begins, epoch ms. */
  readonly from: number;
  readonly report: AttackReport;
}

export interface Petra extends Simulator {
  readonly tenants: PetraTenants;
  readonly incidents: PetraIncidents;
  readonly attacks: PetraAttacks;
  /** The last answer with failed attacks for each tenant and beginning of a window, for those who compare. */
  readonly shown: ReadonlyMap<string, ShownAttacks>;
  /** Times of all requests of a route, refused ones too, epoch ms. */
  asks(route: PetraRoute): number[];
  /** The most requests of a route in any sliding minute. */
  busiestMinute(route: PetraRoute): number;
}

const DAY = 86_400_000;

/** The three routes of Petra Security's API that Penstock reads, as docs.petrasecurity.com and those who use it describe them. */
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
