import type { Clock, Random } from '../clock.ts';
import { startBotBye } from './botbye.ts';
import { drawTenants } from './petra-tenants.ts';
import { startPetra } from './petra.ts';
import { loginAttempts } from './qradar-generator.ts';
import { startTraffic } from './qradar-traffic.ts';
import { startConsole } from './qradar.ts';

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
}

/** Every vendor that the demo polls, simulated on loopback, and the `sources:` that poll them. */
export interface DemoVendors extends AsyncDisposable {
  readonly sources: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Starts a console of each vendor, Petra and BotBye, with some hours of history and traffic that goes on. */
export async function startDemoVendors(lent: Lent): Promise<DemoVendors> {
  await using started = new AsyncDisposableStack();
  const qradar = started.use(await startDemoConsole('qradar', lent));
  const jsa = started.use(await startDemoConsole('jsa', lent));
  const petra = started.use(await startDemoPetra(lent));
  const botbye = started.use(await startDemoBotBye(lent));
  const login = { token: TOKEN, schedule: 'every 5s', settle: '2s', initial_lookback: '2h' };
  const budget = { requests: PER_MINUTE, per: '1m' };
  const resources = started.move();
  return {
    sources: {
      console: { type: 'qradar-login-attempts', base_url: qradar.url, ...login },
      branch: { type: 'jsa-login-attempts', base_url: jsa.url, ...login },
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
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function startDemoConsole(vendor: 'qradar' | 'jsa', { clock, random, signal }: Lent) {
  const console = await startConsole({ clock, vendor, token: TOKEN });
  const now = clock.now();
  console.add(loginAttempts({ random, count: 12, from: now - HOUR, to: now, users: console.users }));
  const traffic = startTraffic(console, { clock, random, perMinute: 20, signal });
  return {
    url: console.url,
    async [Symbol.asyncDispose]() {
      await traffic;
      await console[Symbol.asyncDispose]();
    },
  };
}

function startDemoPetra({ clock, random }: Lent) {
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
  });
}

function startDemoBotBye({ clock, random }: Lent) {
  return startBotBye({
    clock,
    random,
    key: TOKEN,
    accountId: 'demo',
    projectIds: ['shop'],
    history: HOUR / 4,
  });
}
