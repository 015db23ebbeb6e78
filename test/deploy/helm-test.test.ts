import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { freePort, until } from '../receivers/support/service.ts';
import { startCli, startProgram, type Ended } from '../support/cli.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { CHART, helm, setting, template, type Values } from './support/helm.ts';
import { type Manifest, manifests, type PodSpec, testPodOf } from './support/manifest.ts';
import { IMAGE, makePod, POD_ADDRESS, podsSkipped, type Surroundings } from './support/pod.ts';
import { tools } from './support/tools.ts';

const TOKEN = 'token-of-the-deploy-tests';
const HOUR = 3_600_000;

const { folders, skipped } = await tools('kubernetes', 'helm');
const reason = skipped || podsSkipped();

describe.skipIf(reason !== '')(`helm test${reason}`, () => {
  let server: ApiServer;

  beforeAll(async () => {
    server = await startApiServer(folders.kubernetes);
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  /**
   * Installs the chart into the API server and runs `helm test` on it. In place of a kubelet, the Pod that Helm made
   * there is run here, and how it ended is reported as its phase.
   */
  async function tested(namespace: string, values: Values, surroundings: Surroundings) {
    await server.namespace(namespace, 'restricted');
    const env = { KUBECONFIG: server.kubeconfig, HOME: `${folders.helm}/home` };
    const installed = await helm(
      folders.helm,
      ['install', 'penstock', CHART, '-n', namespace, ...setting(values)],
      env,
    );
    expect(installed.code, installed.stderr).toBe(0);
    const testing = helm(folders.helm, ['test', 'penstock', '-n', namespace, '--timeout', '90s'], env);
    const get = ['get', 'pod', 'penstock-test', '-n', namespace];
    await until(async () => (await server.kubectl(get)).code === 0);
    const { stdout } = await server.kubectl([...get, '-o', 'json']);
    const { spec } = JSON.parse(stdout) as { spec: PodSpec };
    const container = await containerEnded(manifests(await template(folders.helm, values)), {
      ...surroundings,
      spec,
    });
    const status = { phase: container.code === 0 ? 'Succeeded' : 'Failed' };
    const patch = ['patch', 'pod', 'penstock-test', '-n', namespace, '--subresource=status', '--type=merge'];
    const patched = await server.kubectl([...patch, '-p', JSON.stringify({ status })]);
    expect(patched.code, patched.stderr).toBe(0);
    return { container, helm: await testing };
  }

  it.each([
    { name: 'passes', token: TOKEN, code: 0, words: '"verdict":"ok"' },
    { name: 'fails', token: 'another', code: 1, words: '401' },
  ])(
    'runs `penstock check` for a CronJob, and $name when its token is "$token"',
    async ({ name, token, code, words }) => {
      await using vendor = await startVendor();
      await using receiver = await startReceiver({ clock: systemClock });

      const { container, helm } = await tested(
        `cronjob-${name}`,
        { mode: 'cronjob' },
        {
          secrets: { 'qradar-token': token },
          addresses: {
            'https://qradar.example.com': vendor.url,
            'http://opentelemetry-collector:4318': receiver.url,
          },
        },
      );

      expect([helm.code, container.code === 0], container.stderr + helm.stderr).toEqual([code, code === 0]);
      expect(container.stdout).toContain(words);
      expect(receiver.received()).toEqual([]);
    },
  );

  it.each([
    { name: 'passes', token: TOKEN, code: 0, words: '200 {"status":"ready"' },
    { name: 'fails', token: 'another', code: 1, words: '"reason":"unauthorised"' },
  ])(
    'waits until a daemon is ready, and $name when its token is "$token"',
    async ({ name, token, code, words }) => {
      await using vendor = await startVendor();
      await using receiver = await startReceiver({ clock: systemClock });
      const admin = await freePort();
      const values = { mode: 'daemon', 'test.timeoutSeconds': 20 };
      const all = manifests(await template(folders.helm, values));
      const surroundings = {
        secrets: { 'qradar-token': token },
        addresses: {
          'https://qradar.example.com': vendor.url,
          'http://opentelemetry-collector:4318': receiver.url,
          ':9464': `:${admin}`,
        },
      };
      await using pod = await makePod(all, surroundings);
      const daemon = startCli(pod.args('penstock'), pod.container('penstock', IMAGE));

      try {
        const { container, helm } = await tested(`daemon-${name}`, values, {
          ...surroundings,
          addresses: { 'http://penstock:9464': `http://${POD_ADDRESS}:${admin}` },
        });

        expect([helm.code, container.code], container.stderr + helm.stderr).toEqual([code, code]);
        expect(container.stdout).toContain(words);
        expect(container.stdout.includes('was not ready within 15 seconds')).toBe(code === 1);
      } finally {
        daemon.child.kill('SIGTERM');
        await daemon.ended;
      }
    },
  );

  it('says why nobody answers', async () => {
    const values = { mode: 'daemon', 'test.timeoutSeconds': 20 };
    const all = manifests(await template(folders.helm, values));
    const url = `http://${POD_ADDRESS}:${await freePort()}`;

    const { code, stdout } = await containerEnded(all, {
      secrets: {},
      addresses: { 'http://penstock:9464': url },
      spec: testPodOf(all),
    });

    expect(code).toBe(1);
    expect(stdout).toContain(`No answer from ${url}/readyz: `);
    expect(stdout.match(/No answer/g)).toHaveLength(1);
  });
});

/** Runs the only container of a Pod to its end. */
async function containerEnded(
  all: readonly Manifest[],
  surroundings: Surroundings & { readonly spec: PodSpec },
): Promise<Ended> {
  await using pod = await makePod(all, surroundings);
  const [{ name, command }] = surroundings.spec.containers as [PodSpec['containers'][0]];
  const { under, env } = pod.container(name, IMAGE);
  const args = pod.args(name);
  if (command === undefined) return await startCli(args, { under, env }).ended;
  const [program, ...rest] = command;
  expect(program).toBe('node');
  return await startProgram([...under, process.execPath, ...rest, ...args], { env }).ended;
}

function startVendor() {
  const now = Date.now();
  const rows = loginAttempts({ random: seeded(3), count: 200, from: now - HOUR, to: now - 120_000 });
  return startConsole({ clock: systemClock, token: TOKEN, rows });
}
