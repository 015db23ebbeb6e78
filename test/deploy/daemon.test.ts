import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { freePort, until } from '../receivers/support/service.ts';
import { startCli } from '../support/cli.ts';
import { kustomized } from './support/kustomized.ts';
import { containerOf, podOf } from './support/manifest.ts';
import { IMAGE, makePod, POD_ADDRESS, podsSkipped } from './support/pod.ts';
import { tools } from './support/tools.ts';

const TOKEN = 'token-of-the-deploy-tests';
const COUNT = 2_000;
const HOUR = 3_600_000;
const SECOND = 1_000;

const { folders, skipped } = await tools('kubernetes');
const reason = skipped || podsSkipped();

describe.skipIf(reason !== '')(`The daemon of deploy/kubernetes${reason}`, () => {
  it('answers its probes at the Pod’s address, delivers, and ends in the time that it is given', async () => {
    const now = Date.now();
    const rows = loginAttempts({ random: seeded(3), count: COUNT, from: now - HOUR, to: now - 120_000 });
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows });
    await using receiver = await startReceiver({ clock: systemClock });
    const all = await kustomized(folders.kubernetes, 'daemon');
    const admin = await freePort();
    await using pod = await makePod(all, {
      secrets: { 'qradar-token': TOKEN },
      addresses: {
        'https://qradar.example.com': console.url,
        'http://opentelemetry-collector:4318': receiver.url,
        ':9464': `:${admin}`,
      },
    });
    const { startupProbe, livenessProbe, readinessProbe } = containerOf(podOf(all), 'penstock');
    const asks = [startupProbe, livenessProbe, readinessProbe].map((probe) => async () => {
      const { status } = await fetch(`http://${POD_ADDRESS}:${admin}${probe?.httpGet.path}`);
      return status === 200;
    });

    const penstock = startCli(pod.args('penstock'), pod.container('penstock', IMAGE));
    await receiver.until(COUNT);
    for (const ask of asks) await until(() => ask().catch(() => false));
    const stopped = Date.now();
    penstock.child.kill('SIGTERM');
    const { code, stderr } = await penstock.ended;

    expect(code, stderr).toBe(0);
    expect((Date.now() - stopped) / SECOND).toBeLessThan(podOf(all).terminationGracePeriodSeconds);
  });
});
