import { describe, expect, it } from 'vitest';
import { built } from '../receivers/support/built.ts';
import { freePort, startService, until } from '../receivers/support/service.ts';
import { startCli } from '../support/cli.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { kustomized } from './support/kustomized.ts';
import { IMAGE, makePod, type Pod, POD_ADDRESS, podsSkipped } from './support/pod.ts';
import { tools } from './support/tools.ts';

const TOKEN = 'token-of-the-deploy-tests';
const COUNT = 5_000;
const HOUR = 3_600_000;

const { folders, skipped } = await tools('kubernetes');
const { folders: receivers, skipped: unbuilt } = await built('collector');
const reason = skipped || unbuilt || podsSkipped();

/** The Pod's Collector, with the command and the files of its container. */
function startCollector(pod: Pod, ready: () => Promise<boolean>) {
  const program = `${receivers.collector}/otelcol`;
  const { under, env } = pod.container('collector', [program]);
  const [command = '', ...args] = [...under, program, ...pod.args('collector')];
  return startService({ command, args, env, ready });
}

/** The journal's undelivered events, as Prometheus would read it. */
async function waiting(admin: string): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  return Number(/^penstock_journal_events (\d+)/m.exec(text)?.[1] ?? 0);
}

function isAttempt({ record }: ReceivedRecord): boolean {
  return record.attributes['event.dataset'] === 'qradar.login_attempts';
}

/** The login attempts that the store took, by id. */
function arrived(store: Receiver): ReadonlyMap<string, readonly ReceivedRecord[]> {
  return new Map([...store.ids()].filter(([, records]) => records.every(isAttempt)));
}

describe.skipIf(reason !== '')(`The sidecar of deploy/kubernetes${reason}`, () => {
  it('loses nothing to a Collector that starts last, and is killed', async () => {
    const now = Date.now();
    const rows = loginAttempts({ random: seeded(9), count: COUNT, from: now - HOUR, to: now - 120_000 });
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows });
    await using store = await startReceiver({ clock: systemClock });
    const [otlp, admin] = [await freePort(), await freePort()];
    await using pod = await makePod(await kustomized(folders.kubernetes, 'sidecar'), {
      secrets: { 'qradar-token': TOKEN },
      addresses: {
        'https://qradar.example.com': console.url,
        'https://otlp.example.com': store.url,
        '127.0.0.1:4318': `127.0.0.1:${otlp}`,
        ':9464': `:${admin}`,
      },
    });
    const probes = `http://${POD_ADDRESS}:${admin}`;
    const answers = async () => (await fetch(`http://127.0.0.1:${otlp}/`)).status === 404;

    const penstock = startCli(pod.args('penstock'), pod.container('penstock', IMAGE));
    await until(async () => (await waiting(probes).catch(() => 0)) >= COUNT);
    expect((await fetch(`${probes}/livez`)).status).toBe(200);
    expect(store.received()).toHaveLength(0);
    {
      await using _first = await startCollector(pod, answers);
      await store.until(1);
    }
    await using _second = await startCollector(pod, answers);
    await until(() => arrived(store).size >= COUNT);
    penstock.child.kill('SIGTERM');
    const { code, stderr } = await penstock.ended;

    expect(code, stderr).toBe(0);
    expect(multiset(distinct(arrived(store)).map(arrivedTuple))).toEqual(
      multiset((console.rows as LoginAttempt[]).map(tupleOf)),
    );
  });
});
