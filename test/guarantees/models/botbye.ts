import fc from 'fast-check';
import type { EcsEvent } from '../../../src/core/event.ts';
import { startBotBye } from '../../../src/simulators/botbye.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import type { SimulatedAnswer } from '../../../src/simulators/server.ts';
import source from '../../../src/sources/botbye-declined-requests/index.ts';
import { DateTime } from 'luxon';
import type { Clocks } from './clocks.ts';
import { FAILURES } from './failures.ts';
import { type Command, type Subject, worldOf } from './subject.ts';
import type { Collected, Vendor, Verdict } from './vendor.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const UNITS = { HOUR: 'hour', DAY: 'day', MONTH: 'month' } as const;
const TOKEN = 'key-of-botbye';
const [ACCOUNT, PROJECT] = ['account', 'shop'];

interface Settings {
  readonly interval_type: keyof typeof UNITS;
  readonly zone: string;
}

/** The vendor begins to count anew. */
class Reset implements Command {
  check = () => true;

  async run(vendor: Vendor): Promise<void> {
    (vendor as BotByeVendor).reset();
  }

  toString = () => 'all counters are reset';
}

interface BotByeVendor extends Vendor {
  reset(): void;
}

export async function openBotBye({ interval_type, zone }: Settings, clocks: Clocks): Promise<BotByeVendor> {
  const clock = clocks.theirs;
  const account = { key: TOKEN, accountId: ACCOUNT, projectIds: [PROJECT] };
  const botbye = await startBotBye({ clock, random: seeded(1), ...account, zone, perMinute: 0, history: 0 });
  const readings = new Readings();
  return {
    simulator: botbye,
    clocks,
    source,
    config: {
      token: TOKEN,
      account_id: ACCOUNT,
      project_ids: [PROJECT],
      types: ['rule'],
      interval_type,
      bucket_timezone: zone,
    },
    appear: ({ count, kind }) => {
      const rule = { ruleId: `rule-${kind}`, ruleName: `Rule ${kind}` };
      const decline = {
        remoteAddr: '192.0.2.1',
        country: 'USA',
        requestUri: '/',
        failedMessage: 'No.',
        rule,
      };
      botbye.declines.decline(PROJECT, decline, count);
    },
    reset: () => botbye.declines.reset(PROJECT),
    committed: ({ complete }) => {
      // The page of an answer; others close a bucket without one.
      const answer = complete === true ? botbye.shown.at(-1) : undefined;
      if (answer === undefined) return;
      const date = Math.floor(answer.at / SECOND) * SECOND;
      const bucket = DateTime.fromMillis(date, { zone }).startOf(UNITS[interval_type]).toMillis();
      for (const { id, declinedReqCount } of answer.rows) readings.note(`${bucket}|${id}`, declinedReqCount);
    },
    // A later bucket for sure; the second poll, because the first may fall right after its edge.
    rest: [800 * HOUR, MINUTE, MINUTE],
    judge: (collected) => readings.judge(collected),
    [Symbol.asyncDispose]: () => botbye[Symbol.asyncDispose](),
  };
}

/** What the answers that became durable showed: for each series of a bucket, a list of counts for each run of counting. */
class Readings {
  readonly #runs = new Map<string, number[]>();

  note(series: string, count: number): void {
    const runs = this.#runs.get(series) ?? [];
    const isNew = runs.length === 0 || count < (runs.at(-1) ?? 0);
    this.#runs.set(series, isNew ? [...runs, count] : [...runs.slice(0, -1), count]);
  }

  /** The deltas sum up to the last count of every run. */
  judge({ events }: Collected): Verdict {
    const sums = new Map<string, number>();
    for (const event of events)
      sums.set(
        seriesOf(event),
        (sums.get(seriesOf(event)) ?? 0) + Number(event['botbye.declined_requests.delta']),
      );
    const all = new Set([...sums.keys(), ...this.#runs.keys()]);
    const counted = [...all].map((series) => ({
      series,
      is: sums.get(series) ?? 0,
      due: (this.#runs.get(series) ?? []).reduce((total, count) => total + count, 0),
    }));
    const words = (some: typeof counted) =>
      some.map(({ series, is, due }) => `${series} is ${is}, not ${due}`);
    return {
      lost: words(counted.filter(({ is, due }) => is < due)),
      asNew: words(counted.filter(({ is, due }) => is > due)),
    };
  }
}

function seriesOf(event: EcsEvent): string {
  return `${Date.parse(String(event['event.start']))}|${String(event['botbye.declined_requests.id'])}`;
}

const refusal = (status: number, code: string): SimulatedAnswer => ({
  status,
  body: { message: code, code, type: 'ERROR', context: {} },
});

export const BOTBYE: Subject = {
  name: 'botbye-declined-requests',
  worlds: fc
    .record<Settings>({
      interval_type: fc.constantFrom('HOUR', 'DAY', 'MONTH'),
      zone: fc.constantFrom('UTC', 'America/New_York', 'Asia/Kolkata'),
    })
    .map((settings) => worldOf(openBotBye, settings)),
  late: [],
  passes: [40 * SECOND, HOUR, 30 * HOUR],
  sets: [
    { min: -2 * HOUR, max: -4 * SECOND },
    { min: 0, max: 2 * HOUR },
  ],
  failures: {
    ...FAILURES,
    '400': refusal(400, 'BAD_REQUEST'),
    '401': refusal(401, 'UNAUTHORIZED'),
    '403': refusal(403, 'FORBIDDEN'),
    '404': refusal(404, 'PROJECT_NOT_FOUND'),
  },
  own: [fc.constant(null).map(() => new Reset())],
};
