import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enqueue, outcomeOf } from '../../src/runtime/jobs.ts';
import { NO_POSTGRES, ownSchema } from '../support/postgres.ts';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { arrivedEvent } from '../support/truth.ts';
import { ReplicaLab, type TestReplica } from './support.ts';

const LEASE = 3_000;
const MINUTE = 60_000;
const CONSOLES = 7;

let schema: Awaited<ReturnType<typeof ownSchema>>;
let lab: ReplicaLab;

describe.skipIf(NO_POSTGRES !== undefined)('replicas on one PostgreSQL', () => {
  beforeEach(async () => {
    schema = await ownSchema();
    lab = await open();
  });

  afterEach(async () => {
    await lab[Symbol.asyncDispose]();
    await schema[Symbol.asyncDispose]();
  });

  it('three replicas share the sources, those that stay take over, and both destinations get each row once', async () => {
    const one = await lab.start('one');
    await lab.until(() => one.sources.length === CONSOLES);
    const two = await lab.start('two');
    const three = await lab.start('three');
    await lab.until(() => isShared(one, two, three));
    const shared = [one, two, three].map(({ sources }) => sources.length);
    const delivering = [...two.destinations, ...three.destinations].toSorted();
    lab.signIn();

    await two.stop();
    await lab.until(() => isShared(one, three));
    lab.signIn();
    await lab.until(() => lab.isExact);

    expect(shared).toEqual([3, 2, 2]);
    expect(delivering).toEqual(['siem-0', 'siem-1']);
    expect([one.sources.length, three.sources.length]).toEqual([4, 3]);
  });

  it('a backfill goes on where it was, with the replica that takes its source over', async () => {
    await lab[Symbol.asyncDispose]();
    lab = await open({ source: { initial_lookback: '1m', page_size: 5, schedule: 'every 10s' } });
    const [console] = lab.consoles;
    const one = await lab.start('one');
    await lab.until(() => one.sources.length === CONSOLES);
    const two = await lab.start('two');
    await lab.until(() => isShared(one, two));
    const [holder, other] = one.sources.includes('console-0') ? [one, two] : [two, one];
    const now = Date.now();
    const span = { from: now - 61 * MINUTE, to: now - 2 * MINUTE };
    let pages = 0;
    if (console !== undefined)
      console.onRequest = ({ query }) => {
        const [, from] = /attempt_time >= (\d+)/.exec(query.get('filter') ?? '') ?? [];
        pages += from !== undefined && Number(from) < span.to ? 1 : 0;
        if (pages === 3) void holder.stop();
        return undefined;
      };

    const job = { kind: 'backfill', source: 'console-0', ...span, again: false } as const;
    const id = await enqueue(other.app.journal.jobs, job, now);
    const outcome = async () => {
      const stored = await other.app.journal.jobs.find(id);
      return stored && outcomeOf(stored);
    };
    await lab.until(async () => (await outcome()) !== undefined);

    expect(await outcome()).toMatchObject({ code: 0 });
    const begun = [holder, other].map((replica) => replica.logged('Job started.').length);
    expect(begun).toEqual([1, 1]);
    const ids = lab.receivers.map((receiver) => receiver.ids());
    for (const received of ids) {
      const past = [...received.values()].filter(([record]) => record && isPast(record.record));
      expect(past.map((records) => records.length)).toEqual(Array.from({ length: 20 }, () => 1));
    }
  });

  it('each source sends its heartbeats once, whoever holds it', async () => {
    await lab[Symbol.asyncDispose]();
    lab = await open({ heartbeat: '3s' });
    const one = await lab.start('one');
    const two = await lab.start('two');
    await lab.until(() => beatsOf('console-3').length >= 2);
    await one.stop();
    const before = beatsOf('console-3').length;
    await lab.until(() => beatsOf('console-3').length >= before + 2);

    expect(two.sources).toHaveLength(CONSOLES);
    for (let index = 0; index < CONSOLES; index += 1) {
      const times = beatsOf(`console-${index}`);
      const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
      expect(pauses.every((pause) => pause >= 3_000)).toBe(true);
    }
  });
});

function open(more: Partial<Parameters<typeof ReplicaLab.open>[0]> = {}): Promise<ReplicaLab> {
  return ReplicaLab.open({ ...schema, lease: LEASE, consoles: CONSOLES, receivers: 2, ...more });
}

/** Whether each subject is worked on by one of these, and none has more than one source more than another. */
function isShared(...some: readonly TestReplica[]): boolean {
  const counts = some.map(({ sources }) => sources.length);
  const sources = new Set(some.flatMap((replica) => replica.sources));
  const destinations = new Set(some.flatMap((replica) => replica.destinations));
  const isEven = Math.max(...counts) - Math.min(...counts) <= 1;
  return sources.size === CONSOLES && destinations.size === lab.receivers.length && isEven;
}

function isPast({ attributes }: ReceivedRecord['record']): boolean {
  return attributes['labels.penstock_lane'] === 'backfill';
}

/** When the heartbeats of a source were made, at the first receiver. */
function beatsOf(name: string): readonly number[] {
  const records = lab.receivers[0]?.received() ?? [];
  return records
    .filter(({ record }) => record.attributes['penstock.health.source'] === name)
    .map((record) => Date.parse(String(arrivedEvent(record)['@timestamp'])));
}
