import type { Clock, Random } from '../core/clock.ts';
import { type BotBye, startBotBye } from './botbye.ts';
import { drawTenants } from './petra-tenants.ts';
import { type Petra, startPetra } from './petra.ts';
import { loginAttempt, loginAttempts } from './qradar-generator.ts';
import { startTraffic } from './qradar-traffic.ts';
import { type SimulatedConsole, startConsole } from './qradar.ts';
import type { Place } from './server.ts';

const HOUR = 3_600_000;

/** The simulators let nobody else in, and the demo's configuration shows it as it would be in a real one. */
const TOKEN = 'demo-token-of-the-simulators';

/** Petra's documented limits would make the demo wait for minutes; these apply to its simulator alone. */
const PER_MINUTE = 120;

interface Lent {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the traffic. */
  readonly signal: AbortSignal;
  /** The first vendor listens here, each other one a port further (0: on free ones); by default each on a free port of 127.0.0.1. */
  readonly listen?: { readonly host: string; readonly port: number };
}

/** Every vendor that the demo polls, simulated, and the `sources:` that poll them. */
export interface DemoVendors extends AsyncDisposable {
  readonly sources: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly qradar: SimulatedConsole;
  readonly jsa: SimulatedConsole;
  readonly petra: Petra;
  readonly botbye: BotBye;
  /** So many log-ins to each console, now. */
  logIn(count: number): void;
}

/** Starts a console of each vendor, Petra and BotBye, with some hours of history and traffic that goes on. */
export async function startDemoVendors(lent: Lent): Promise<DemoVendors> {
  await using started = new AsyncDisposableStack();
  const qradar = started.use(await startDemoConsole('qradar', lent, placeOf(lent, 0)));
  const jsa = started.use(await startDemoConsole('jsa', lent, placeOf(lent, 1)));
  const petra = started.use(await startDemoPetra(lent, placeOf(lent, 2)));
  const botbye = started.use(await startDemoBotBye(lent, placeOf(lent, 3)));
  const login = { token: TOKEN, schedule: 'every 5s', settle: '2s', initial_lookback: '2h' };
  const budget = { requests: PER_MINUTE, per: '1m' };
  const resources = started.move();
  return {
    sources: {
      console: { type: 'qradar-login-attempts', base_url: qradar.console.url, ...login },
      branch: { type: 'jsa-login-attempts', base_url: jsa.console.url, ...login },
      incidents: {
        type: 'petra-incidents',
        base_url: petra.url,
        token: TOKEN,
        schedule: 'every 15s',
        quota: budget,
      },
      attacks: {
        type: 'petra-failed-attacks',
        base_url: petra.url,
        token: TOKEN,
        schedule: 'every 30s',
        initial_lookback: '2d',
        quota: budget,
      },
      declined: {
        type: 'botbye-declined-requests',
        base_url: botbye.url,
        account_id: 'demo',
        project_ids: ['shop'],
        token: TOKEN,
        schedule: 'every 15s',
      },
    },
    qradar: qradar.console,
    jsa: jsa.console,
    petra,
    botbye,
    logIn(count) {
      for (const { console } of [qradar, jsa]) {
        const attempts = Array.from({ length: count }, () =>
          loginAttempt(lent.random, lent.clock.now(), console.users),
        );
        console.add(attempts);
      }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function placeOf({ listen }: Lent, index: number): Place {
  if (listen === undefined) return {};
  return { host: listen.host, port: listen.port === 0 ? 0 : listen.port + index };
}

async function startDemoConsole(vendor: 'qradar' | 'jsa', { clock, random, signal }: Lent, place: Place) {
  const console = await startConsole({ clock, vendor, token: TOKEN, ...place });
  const now = clock.now();
  console.add(loginAttempts({ random, count: 12, from: now - HOUR, to: now, users: console.users }));
  const traffic = startTraffic(console, { clock, random, perMinute: 20, signal });
  return {
    console,
    async [Symbol.asyncDispose]() {
      await traffic;
      await console[Symbol.asyncDispose]();
    },
  };
}

function startDemoPetra({ clock, random }: Lent, place: Place) {
  const limits = { tenants: PER_MINUTE, incidents: PER_MINUTE, 'failed-attacks': PER_MINUTE };
  const history = 12 * HOUR;
  return startPetra({
    clock,
    random,
    token: TOKEN,
    tenants: drawTenants(random, 2),
    history,
    top: 3,
    limits,
    ...place,
  });
}

function startDemoBotBye({ clock, random }: Lent, place: Place) {
  return startBotBye({
    clock,
    random,
    key: TOKEN,
    accountId: 'demo',
    projectIds: ['shop'],
    perMinute: 2,
    history: HOUR / 4,
    ...place,
  });
}
