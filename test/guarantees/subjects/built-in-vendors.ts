import { systemClock } from '../../../src/core/clock.ts';
import { startBotBye } from '../../../src/simulators/botbye.ts';
import { judge, type VendorData } from '../../../src/simulators/demo.ts';
import type { ReceivedRecord } from '../../../src/simulators/otlp-receiver-decode.ts';
import { drawTenants } from '../../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../../src/simulators/petra.ts';
import { loginAttempt, loginAttempts } from '../../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../../src/simulators/qradar.ts';
import type { Comparison, Subject } from './vendor.ts';

const TOKEN = 'token-of-the-guarantees';
const HOUR = 3_600_000;
const clock = systemClock;

/** Requests a minute: with Petra's documented limits, one cell would take minutes. */
const PER_MINUTE = 1_000;

const NOTHING: VendorData = {
  qradar: { rows: [] },
  jsa: { rows: [] },
  petra: { incidents: { all: [] }, shown: new Map() },
  botbye: { shown: [] },
};

/** Compares as the demo does. */
function compare(data: Partial<VendorData>, received: readonly ReceivedRecord[]): Comparison {
  const due = { loginsBefore: Infinity, incidentsBefore: Infinity, bucketOf: clock.now() };
  const { lost, duplicates } = judge({ ...NOTHING, ...data }, received, due);
  return { lost, asNew: duplicates };
}

function consoleOf(vendor: 'qradar' | 'jsa'): Subject {
  const type = `${vendor}-login-attempts`;
  return {
    name: type,
    past: { source: { initial_lookback: '1h' }, span: ['--from', '4h', '--to', '59m'] },
    async start(random) {
      const now = clock.now();
      const rows = loginAttempts({
        random,
        count: 150,
        from: now - 3 * HOUR,
        to: now - 5_000,
        duplicates: 0.1,
      });
      const console = await startConsole({ clock, vendor, token: TOKEN, rows });
      const common = { base_url: console.url, token: TOKEN, schedule: 'every 1s' };
      return {
        simulator: console,
        source: { type, ...common, page_size: 25, settle: '0s', initial_lookback: '4h' },
        happen: () => console.add([loginAttempt(random, clock.now() - 1_000, console.users)]),
        compare: (received) => compare({ [vendor]: { rows: console.rows } }, received),
        [Symbol.asyncDispose]: () => console[Symbol.asyncDispose](),
      };
    },
  };
}

function petraOf(type: 'petra-incidents' | 'petra-failed-attacks', more: Pick<Subject, 'past'>): Subject {
  return {
    name: type,
    ...more,
    async start(random) {
      const limits = { tenants: PER_MINUTE, incidents: PER_MINUTE, 'failed-attacks': PER_MINUTE };
      const tenants = drawTenants(random, 3);
      const petra = await startPetra({ clock, random, token: TOKEN, tenants, history: 48 * HOUR, limits });
      const quota = { requests: PER_MINUTE, per: '1m' };
      const lookback = { initial_lookback: '3d' };
      return {
        simulator: petra,
        source: { type, base_url: petra.url, token: TOKEN, schedule: 'every 1s', quota, ...lookback },
        // Incidents and attacks come by themselves, as time passes.
        happen: () => undefined,
        compare: (received) => {
          const incidents = type === 'petra-incidents' ? petra.incidents : { all: [] };
          return compare({ petra: { incidents, shown: petra.shown } }, received);
        },
        [Symbol.asyncDispose]: () => petra[Symbol.asyncDispose](),
      };
    },
  };
}

const botbye: Subject = {
  name: 'botbye-declined-requests',
  async start(random) {
    const account = { accountId: 'demo', projectIds: ['shop'] };
    const botbye = await startBotBye({ clock, random, key: TOKEN, ...account, perMinute: 20, history: HOUR });
    const options = { account_id: 'demo', project_ids: account.projectIds };
    return {
      simulator: botbye,
      source: {
        type: 'botbye-declined-requests',
        base_url: botbye.url,
        token: TOKEN,
        schedule: 'every 1s',
        ...options,
      },
      // Requests are declined by themselves, as time passes.
      happen: () => undefined,
      compare: (received) => compare({ botbye }, received),
      [Symbol.asyncDispose]: () => botbye[Symbol.asyncDispose](),
    };
  },
};

/** The five sources in code. */
export const BUILT_IN: readonly Subject[] = [
  consoleOf('qradar'),
  consoleOf('jsa'),
  petraOf('petra-incidents', {}),
  petraOf('petra-failed-attacks', {
    past: { source: { initial_lookback: '1d' }, span: ['--from', '4d', '--to', '1d'] },
  }),
  botbye,
];
