import type { Clock, Random } from '../core/clock.ts';
import { toJson } from '../core/json.ts';
import { type BotBye, startBotBye } from './botbye.ts';
import type { ReceivedRecord } from './otlp-receiver-decode.ts';
import type { AttackReport } from './petra-attacks.ts';
import { drawTenants } from './petra-organisation.ts';
import { type Petra, startPetra } from './petra.ts';
import type { LoginAttempt } from './qradar-attempts.ts';
import { loginAttempt, loginAttempts, startTraffic } from './qradar-generator.ts';
import { type SimulatedConsole, startConsole } from './qradar.ts';
import type { Place } from './server.ts';

const HOUR = 3_600_000;

/** The simulators accept only this token, and the demo's configuration shows it as a real one would. */
const TOKEN = 'demo-token-of-the-simulators';

/** Requests a minute that Petra's simulator allows: with the documented limits, the demo would wait for minutes. */
const PER_MINUTE = 120;

interface DemoContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the traffic. */
  readonly signal: AbortSignal;
  /** The first vendor listens here, each other one a port further (0: on free ones); by default each on a free port of 127.0.0.1. */
  readonly listen?: { readonly host: string; readonly port: number };
}

/** What the vendors have, or have shown. */
export interface VendorData {
  readonly qradar: Pick<SimulatedConsole, 'rows'>;
  readonly jsa: Pick<SimulatedConsole, 'rows'>;
  readonly petra: Pick<Petra, 'shown'> & { readonly incidents: Pick<Petra['incidents'], 'all'> };
  readonly botbye: Pick<BotBye, 'shown'>;
}

/** Every vendor that the demo polls, simulated, and the `sources:` that poll them. */
export interface DemoVendors extends VendorData, AsyncDisposable {
  readonly sources: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly qradar: SimulatedConsole;
  readonly jsa: SimulatedConsole;
  readonly petra: Petra;
  readonly botbye: BotBye;
  /** So many log-ins to each console, now. */
  logIn(count: number): void;
}

/** Starts a console of each vendor, Petra and BotBye, with some hours of history and continuing traffic. */
export async function startDemoVendors(context: DemoContext): Promise<DemoVendors> {
  await using started = new AsyncDisposableStack();
  const qradar = started.use(await startDemoConsole('qradar', context, placeOf(context, 0)));
  const jsa = started.use(await startDemoConsole('jsa', context, placeOf(context, 1)));
  const petra = started.use(await startDemoPetra(context, placeOf(context, 2)));
  const botbye = started.use(await startDemoBotBye(context, placeOf(context, 3)));
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
          loginAttempt(context.random, context.clock.now(), console.users),
        );
        console.add(attempts);
      }
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function placeOf({ listen }: DemoContext, index: number): Place {
  if (listen === undefined) return {};
  return { host: listen.host, port: listen.port === 0 ? 0 : listen.port + index };
}

async function startDemoConsole(
  vendor: 'qradar' | 'jsa',
  { clock, random, signal }: DemoContext,
  place: Place,
) {
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

function startDemoPetra({ clock, random }: DemoContext, place: Place) {
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

function startDemoBotBye({ clock, random }: DemoContext, place: Place) {
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

/** What the receiver has, compared with what the vendors have. */
export interface Verdict {
  /** What the vendors have and the receiver lacks: logins, incidents, and parts of counts. */
  readonly lost: number;
  /** What the receiver has more often than the vendors, under different ids. */
  readonly duplicates: number;
  /** Records that arrived again under their own id. */
  readonly repeats: number;
  /** Repeats that equal the first copy byte for byte. */
  readonly identical: number;
}

/** Which of the vendors' data must be at the receiver by now. Epoch ms. */
export interface Due {
  /** Logins before this had settled before the last poll. */
  readonly loginsBefore: number;
  /** Incidents before this existed when the last poll began. */
  readonly incidentsBefore: number;
  /** Only counters of the bucket of this time are compared: the last moments of earlier buckets were never read. */
  readonly bucketOf: number;
}

/** How often something happened, by its name. */
type Facts = ReadonlyMap<string, number>;

const EVER: Due = { loginsBefore: Infinity, incidentsBefore: Infinity, bucketOf: Infinity };

/** Compares what arrived with the vendors' data, record by record, and repeats with the first copies. */
export function judge(vendors: VendorData, received: readonly ReceivedRecord[], due: Due): Verdict {
  const copies = [...Map.groupBy(received, ({ uid }) => uid).values()];
  const arrived = factsOf(copies.flatMap(([first]) => (first === undefined ? [] : arrivedFacts(first, due))));
  const repeats = copies.flatMap(([first, ...more]) => more.map(({ bytes }) => isSame(first?.bytes, bytes)));
  return {
    lost: excess(factsOf(vendorFacts(vendors, due)), arrived),
    duplicates: excess(arrived, factsOf(vendorFacts(vendors, { ...EVER, bucketOf: due.bucketOf }))),
    repeats: repeats.length,
    identical: repeats.filter((same) => same).length,
  };
}

function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.from(one).equals(other);
}

type Fact = readonly [name: string, count: number];

function factsOf(facts: readonly Fact[]): Facts {
  const sums = new Map<string, number>();
  for (const [name, count] of facts) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}

/** How much of `one` is missing in `other`. */
function excess(one: Facts, other: Facts): number {
  return [...one].reduce((sum, [name, count]) => sum + Math.max(0, count - (other.get(name) ?? 0)), 0);
}

function vendorFacts({ qradar, jsa, petra, botbye }: VendorData, due: Due): Fact[] {
  const logins = { qradar, jsa };
  const bucket = dayOf(due.bucketOf);
  return [
    ...Object.entries(logins).flatMap(([vendor, { rows }]) =>
      (rows as LoginAttempt[])
        .filter(({ attempt_time: time }) => time < due.loginsBefore)
        .map((row): Fact => [named(vendor, ...ATTEMPT.map((field) => row[field])), 1]),
    ),
    ...petra.incidents.all
      .filter(({ createdAt }) => createdAt < due.incidentsBefore)
      .map(({ id }): Fact => [named('incident', id), 1]),
    ...[...petra.shown.values()].flatMap(attackFacts),
    ...[...new Map(botbye.shown.map((one) => [one.summary, one])).values()]
      .filter(({ at }) => dayOf(at) === bucket)
      .flatMap(({ summary, rows }) =>
        rows.map(({ id, declinedReqCount }): Fact => [named('declined', summary, id), declinedReqCount]),
      ),
  ];
}

const ATTEMPT = ['attempt_time', 'user_id', 'remote_ip', 'attempt_result', 'attempt_method'] as const;

/** The counts of a tenant's day, in each dimension. */
function attackFacts({ tenantId, from, report }: { tenantId: string; from: number; report: AttackReport }) {
  const { totalCount, byCountry, byDay, topTargetedUsers } = report;
  const counts = {
    total: [{ count: totalCount }],
    country: byCountry,
    attack_type: byDay.flatMap(({ byType }) => byType),
    user: topTargetedUsers,
  };
  return Object.entries(counts).flatMap(([dimension, rows]) =>
    rows.map(({ count }): Fact => [named('attacks', tenantId, dayOf(from), dimension), count]),
  );
}

/** The facts in one record; none in a record about Penstock itself. */
function arrivedFacts({ record: { attributes } }: ReceivedRecord, { bucketOf }: Due): Fact[] {
  const value = (name: string) => textOf(attributes[name]);
  const dataset = value('event.dataset');
  const start = dayOf(Date.parse(value('event.start')));
  if (dataset.endsWith('.login_attempts')) {
    const vendor = value('event.module');
    return [[named(vendor, ...ATTEMPT.map((field) => value(`${vendor}.login_attempt.${field}`))), 1]];
  }
  if (dataset === 'petra.incidents' && value('event.action') === 'incident-created') {
    return [[named('incident', value('petra.incident.id')), 1]];
  }
  if (dataset === 'petra.failed_attacks') {
    const name = named('attacks', value('petra.tenant.id'), start, value('petra.failed_attacks.dimension'));
    return [[name, Number(attributes['petra.failed_attacks.delta'])]];
  }
  if (dataset === 'botbye.declined_requests' && start === dayOf(bucketOf)) {
    const series = ['dimension', 'id'].map((field) => value(`botbye.declined_requests.${field}`));
    return [[named('declined', ...series), Number(attributes['botbye.declined_requests.delta'])]];
  }
  return [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : toJson(value ?? '');
}

function named(...parts: readonly (string | number | bigint)[]): string {
  return parts.join('|');
}

function dayOf(epochMs: number): number {
  return Math.floor(epochMs / 86_400_000);
}
