import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { freePort, until } from '../receivers/support/service.ts';
import { type Running, runCli, startCli } from '../support/cli.ts';
import { NO_POSTGRES, startPostgres } from '../support/postgres.ts';
import { arrivedTuple, multiset, tupleOf } from '../support/truth.ts';
import { kustomized } from './support/kustomized.ts';
import { containerOf, podOf } from './support/manifest.ts';
import { IMAGE, makePod, type Pod, POD_ADDRESS, podsSkipped } from './support/pod.ts';
import { tools } from './support/tools.ts';

const TOKEN = 'token-of-the-deploy-tests';
const COUNT = 1_000;
const HOUR = 3_600_000;
const MINUTE = 60_000;
const SECOND = 1_000;

const { folders, skipped } = await tools('kubernetes');
const reason = skipped || podsSkipped() || (NO_POSTGRES === undefined ? '' : `, skipped: ${NO_POSTGRES}`);

interface Replica {
  readonly name: string;
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
}

/** What `penstock status` in a Pod says of the replicas. */
async function replicasIn(pod: Pod): Promise<readonly Replica[]> {
  const { stdout } = await runCli(['status', '--json'], pod.container('penstock', IMAGE));
  const lines = stdout.trim().split('\n');
  return (JSON.parse(lines.at(-1) ?? '') as { replicas?: Replica[] }).replicas ?? [];
}

describe.skipIf(reason !== '')(`The Pods of deploy/kubernetes/replicas${reason}`, () => {
  it('share the work by their names, ship everything once, and one ends in the time that it is given while the other goes on', async () => {
    const now = Date.now();
    const random = seeded(3);
    const rows = loginAttempts({ random, count: COUNT, from: now - HOUR, to: now - 2 * MINUTE });
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows });
    await using receiver = await startReceiver({ clock: systemClock });
    await using database = await startPostgres();
    const all = await kustomized(folders.kubernetes, 'replicas');
    await using stack = new AsyncDisposableStack();
    const started = async (name: string) => {
      const admin = await freePort();
      const pod = await makePod(all, {
        name,
        secrets: { 'qradar-token': TOKEN, url: `${database.url()}\n` },
        addresses: {
          'https://qradar.example.com': console.url,
          'http://opentelemetry-collector:4318': receiver.url,
          ':9464': `:${admin}`,
          'every 1m': 'every 1s',
          'lease: 15s': 'lease: 3s',
        },
      });
      stack.use(pod);
      const running = startCli(pod.args('penstock'), pod.container('penstock', IMAGE));
      stack.defer(() => ended(running));
      const { readinessProbe } = containerOf(podOf(all), 'penstock');
      const url = `http://${POD_ADDRESS}:${admin}${readinessProbe?.httpGet.path}`;
      await until(async () => (await fetch(url).catch(() => undefined))?.status === 200);
      return { pod, running };
    };

    const old = await started('penstock-old');
    await receiver.until(COUNT);
    const fresh = await started('penstock-new');
    await until(async () =>
      (await replicasIn(fresh.pod)).every(
        ({ sources, destinations }) => sources.length + destinations.length === 1,
      ),
    );
    const shared = await replicasIn(fresh.pod);
    const stopped = Date.now();
    old.running.child.kill('SIGTERM');
    const { code, stderr } = await old.running.ended;
    const seconds = (Date.now() - stopped) / SECOND;
    console.add(loginAttempts({ random, count: COUNT, from: now - MINUTE, to: Date.now() - MINUTE / 2 }));
    await receiver.until(2 * COUNT);

    expect(shared.map(({ name }) => name).toSorted()).toEqual(['penstock-new', 'penstock-old']);
    expect(code, stderr).toBe(0);
    expect(seconds).toBeLessThan(podOf(all).terminationGracePeriodSeconds);
    expect(multiset(receiver.received().map(arrivedTuple))).toEqual(
      multiset((console.rows as LoginAttempt[]).map(tupleOf)),
    );
  });
});

async function ended({ child, ended }: Running): Promise<void> {
  child.kill('SIGTERM');
  await ended;
}
