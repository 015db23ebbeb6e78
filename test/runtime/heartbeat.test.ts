import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver, type Receiver } from '../../src/simulators/otlp-receiver.ts';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { openLab, type Lab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { ecsProblems } from '../support/ecs-rules.ts';
import { arrivedEvent } from '../support/truth.ts';

const TOKEN = 'token-of-the-heartbeat-test';
const MINUTE = 60_000;

let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let lab: Lab;

beforeEach(async () => {
  clock = new DrivenClock();
  console = await startConsole({ clock, token: TOKEN, rows: [] });
  receiver = await startReceiver({ clock });
  const source = { type: 'qradar-login-attempts', token: TOKEN, schedule: 'every 1m' };
  lab = await openLab({
    clock,
    config: {
      heartbeat: '15m',
      destinations: { siem: { endpoint: receiver.url, compression: 'none' } },
      sources: {
        console: { ...source, base_url: console.url, labels: { site: 'north' } },
        other: { ...source, base_url: `${console.url}/elsewhere` },
      },
    },
  });
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

function beats(name = 'console'): readonly ReceivedRecord[] {
  return receiver
    .received()
    .filter(({ record }) => record.attributes['event.dataset'] === 'penstock.health')
    .filter(({ record }) => record.attributes['penstock.health.source'] === name);
}

async function pass(): Promise<void> {
  await lab.open();
  await lab.once();
  await lab.stop();
}

describe('a heartbeat', () => {
  it('a heartbeat comes every interval from a quiet source and from a dead one, by the rules of ECS', async () => {
    console.onRequest = ({ path }) => (path.startsWith('/elsewhere') ? { status: 401 } : undefined);
    await lab.open();
    lab.start();

    await lab.advance(62 * MINUTE);

    expect(beats()).toHaveLength(5);
    expect(beats('other')).toHaveLength(5);
    const events = receiver.received().map(arrivedEvent);
    expect(events.flatMap((event) => ecsProblems(event))).toEqual([]);
    expect(arrivedEvent(beats()[1] as ReceivedRecord)).toMatchObject({
      'event.kind': 'state',
      'event.category': ['process'],
      'event.type': ['info'],
      'event.action': 'heartbeat',
      'observer.name': 'console',
      'observer.hostname': '127.0.0.1',
      'event.outcome': 'success',
      'penstock.health.status': 'healthy',
      'penstock.health.last_complete': expect.stringMatching(/Z$/),
      'penstock.health.owed': 0,
      'penstock.health.gaps_open': 0,
      'penstock.health.journal.age_seconds': 0,
      'labels.site': 'north',
    });
    expect(arrivedEvent(beats('other')[1] as ReceivedRecord)).toMatchObject({
      'observer.name': 'other',
      'event.outcome': 'failure',
      'penstock.health.reasons': ['stale', 'unauthorised'],
    });
  });

  it('each heartbeat is sent once, under an id of its own, and is no stream of the source', async () => {
    await lab.open();
    lab.start();
    await lab.advance(20 * MINUTE);
    await lab.stop();
    await lab.open();
    lab.start();
    await lab.advance(20 * MINUTE);

    const uids = beats().map(({ uid }) => uid);
    expect(uids).toHaveLength(3);
    expect(new Set(uids).size).toBe(3);
    const streams = await lab.app.journal.streams.all();
    expect(streams.map(({ type }) => type)).toEqual(['qradar-login-attempts', 'qradar-login-attempts']);
  });

  it('once sends a heartbeat when the interval has passed since the last one', async () => {
    await pass();
    await lab.advance(5 * MINUTE);
    await pass();
    const soon = beats().length;
    await lab.advance(10 * MINUTE);
    await pass();

    expect(soon).toBe(1);
    expect(beats()).toHaveLength(2);
    expect(arrivedEvent(beats()[0] as ReceivedRecord)['penstock.health.status']).toBe('healthy');
  });

  it('CronJobs that start a little early still send a heartbeat', async () => {
    for (let jobs = 0; jobs < 4; jobs += 1) {
      await pass();
      await lab.advance(14 * MINUTE);
    }

    expect(beats()).toHaveLength(4);
  });
});
