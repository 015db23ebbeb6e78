import { systemClock } from '../../../src/core/clock.ts';
import type { Random } from '../../../src/core/clock.ts';
import {
  ACCEPTED,
  ANSWER_LOST,
  type Receiver,
  startReceiver,
} from '../../../src/simulators/otlp-receiver.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../../src/simulators/petra.ts';
import { loginAttempts, startTraffic } from '../../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../../src/simulators/qradar.ts';
import { pick, seeded } from '../../../src/simulators/seeded.ts';
import { HTML_UNAVAILABLE, throttled } from '../../../src/simulators/server.ts';

const TOKEN = 'token-of-the-replicas';
const HOUR = 3_600_000;

/** The limit of each console. `per`: milliseconds. */
export const CONSOLE_LIMIT = { requests: 15, per: 10_000 };
/** The limit of each route of Petra. */
export const PETRA_LIMIT = { requests: 240, per: 60_000 };

/** Vendors under load, which keep the truth, and destinations, which keep every body that they received. */
export interface World extends AsyncDisposable {
  /** By the name of their source. */
  readonly consoles: ReadonlyMap<string, SimulatedConsole>;
  readonly petra: Petra;
  /** By their name. */
  readonly destinations: ReadonlyMap<string, Receiver>;
  /** Destinations and sources of a configuration that reads and feeds this world. */
  readonly configuration: { readonly destinations: object; readonly sources: object };
  /** No vendor and no destination fails from here on, and nothing new happens. */
  calmDown(): Promise<void>;
}

export interface WorldOptions {
  readonly seed: number;
  /** Rows of each console before the start. Default 1,500. */
  readonly rows?: number;
  /** Log-ins a minute to each console. Default 300. */
  readonly perMinute?: number;
  /** Vendors and destinations fail now and then. Default true. */
  readonly trouble?: boolean;
}

/** Five consoles and an organisation with eight tenants, and two destinations. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { seed, trouble = true } = options;
  const random = seeded(seed);
  await using started = new AsyncDisposableStack();
  const state = { isTroubled: trouble };
  const consoles = new Map<string, SimulatedConsole>();
  for (let number = 1; number <= 5; number += 1) {
    consoles.set(`console-${number}`, started.use(await startBusyConsole(random, options, state)));
  }
  const petra = started.use(await startQuietPetra(random));
  const destinations = new Map<string, Receiver>();
  for (const name of ['siem', 'lake']) {
    destinations.set(name, started.use(await startUnreliableReceiver(random, state)));
  }
  const load = new AbortController();
  const pace = { clock: systemClock, random, signal: load.signal };
  const perMinute = options.perMinute ?? 300;
  const traffic = [...consoles.values()].map((console) => startTraffic(console, { ...pace, perMinute }));
  const incidents = setInterval(() => addIncident(random, petra, 0), 1_000);
  const calmDown = async () => {
    state.isTroubled = false;
    load.abort();
    clearInterval(incidents);
    await Promise.all(traffic);
  };
  started.defer(calmDown);
  const resources = started.move();
  return {
    consoles,
    petra,
    destinations,
    configuration: configurationOf(consoles, petra, destinations),
    calmDown,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

interface Mood {
  isTroubled: boolean;
}

/** Most answers take a while, so that a poll of somebody else would be seen beside it. */
async function startBusyConsole(
  random: Random,
  { rows: count = 1_500 }: WorldOptions,
  mood: Mood,
): Promise<SimulatedConsole> {
  const now = Date.now();
  const rows = loginAttempts({ random, count, from: now - 2 * HOUR, to: now - 1_000 });
  const console = await startConsole({
    clock: systemClock,
    token: TOKEN,
    rows,
    faults: { plan: { slow: 0.5, delay: 200 }, random },
  });
  console.onRequest = () => {
    if (!mood.isTroubled || random() > 0.03) return undefined;
    return pick(random, [throttled(1), HTML_UNAVAILABLE, { status: 503, fault: 'reset' as const }]);
  };
  return console;
}

/** Incidents come from us alone, so that they end when the load does. */
async function startQuietPetra(random: Random): Promise<Petra> {
  const limit = PETRA_LIMIT.requests;
  const petra = await startPetra({
    clock: systemClock,
    random,
    token: TOKEN,
    tenants: drawTenants(random, 8),
    incidentsPerDay: 0,
    limits: { tenants: limit, incidents: limit, 'failed-attacks': limit },
  });
  for (let number = 0; number < 300; number += 1) addIncident(random, petra, random() * HOUR);
  return petra;
}

/** An incident of any tenant, created so many milliseconds ago. */
function addIncident(random: Random, { tenants, incidents }: Petra, ago: number): void {
  incidents.add(pick(random, tenants.all).petraTenantId, { createdAt: Math.floor(Date.now() - ago) });
}

/** Takes records and loses the answer now and then, or refuses a request that it would take later. */
async function startUnreliableReceiver(random: Random, mood: Mood): Promise<Receiver> {
  const trouble = [ANSWER_LOST, HTML_UNAVAILABLE, { status: 503, fault: 'reset' as const }];
  return startReceiver({
    clock: systemClock,
    answer: () => (mood.isTroubled && random() < 0.1 ? pick(random, trouble) : ACCEPTED),
  });
}

function configurationOf(
  consoles: World['consoles'],
  petra: Petra,
  destinations: World['destinations'],
): World['configuration'] {
  const budget = ({ requests, per }: typeof PETRA_LIMIT) => ({ requests, per: `${per / 1_000}s` });
  const console = { type: 'qradar-login-attempts', token: TOKEN, schedule: 'every 1s', settle: '0s' };
  const tenants = { base_url: petra.url, token: TOKEN, quota: budget(PETRA_LIMIT) };
  return {
    destinations: Object.fromEntries(
      [...destinations].map(([name, { url }]) => [name, { endpoint: url, timeout: '5s' }]),
    ),
    sources: {
      ...Object.fromEntries(
        [...consoles].map(([name, { url }]) => [
          name,
          { ...console, base_url: url, page_size: 250, initial_lookback: '3h', quota: budget(CONSOLE_LIMIT) },
        ]),
      ),
      incidents: { type: 'petra-incidents', ...tenants, schedule: 'every 3s' },
      attacks: { type: 'petra-failed-attacks', ...tenants, schedule: 'every 10s', initial_lookback: '1d' },
    },
  };
}

/** Resolves after some further requests to a console or a destination: a moment that only the work itself decides. */
export async function someRequests({ consoles, destinations }: World, random: Random): Promise<void> {
  const simulator = pick(random, [...consoles.values(), ...destinations.values()]);
  await simulator.asked(simulator.requests.length + 1 + Math.floor(random() * 4));
}
