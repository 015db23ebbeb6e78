import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FAMILIES } from '../../src/telemetry/families.ts';
import { parseListenAddress } from '../../src/telemetry/listen-address.ts';
import { CHART, helm, template } from './support/helm.ts';
import { containerOf, containersOf, dataOf, type Manifest, manifests, podOf } from './support/manifest.ts';
import { SHAPES } from './support/render.ts';
import { tools } from './support/tools.ts';

const { folders, skipped } = await tools('helm');

/** Penstock's own configuration among these. */
function configuration(all: readonly Manifest[]) {
  return parse(dataOf(all, 'penstock')['penstock.yaml'] ?? '') as {
    state: { path: string; max_bytes?: string };
    destinations: Record<string, { endpoint: string }>;
    admin?: { listen: string };
  };
}

/** The names of the probes of Penstock's container. */
async function probes(mode: string): Promise<string[]> {
  const all = manifests(await template(folders.helm, { mode }));
  return Object.keys(containerOf(podOf(all), 'penstock')).filter((field) => field.endsWith('Probe'));
}

it('the chart has the version of the package', async () => {
  const chart = parse(await readFile(`${CHART}/Chart.yaml`, 'utf8')) as Record<string, string>;
  const { version } = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as Record<string, string>;

  expect([chart['version'], chart['appVersion']]).toEqual([version, version]);
});

describe.skipIf(skipped !== '')(`The chart${skipped}`, () => {
  it.each(SHAPES)('passes helm lint as %s', async (mode) => {
    const { code, stdout, stderr } = await helm(folders.helm, [
      'lint',
      '--strict',
      CHART,
      '--set',
      `mode=${mode}`,
    ]);

    expect(code, stdout + stderr).toBe(0);
  });

  it.each([
    { name: 'a mode that there is not', values: { mode: 'cron' }, words: /'cronjob', 'daemon', 'sidecar'/ },
    { name: 'a value that there is not', values: { replicas: 2 }, words: /replicas/ },
    { name: 'a configuration that is no text', values: { config: { sources: {} } }, words: /config/ },
    { name: 'a configuration that is no YAML', values: { config: 'a: [' }, words: /config is no YAML map/ },
    {
      name: 'a Job that is killed before it ends by itself',
      values: { 'cronjob.deadline': '10m', 'cronjob.activeDeadlineSeconds': 600 },
      words: /must be longer than cronjob.deadline/,
    },
  ])('refuses $name', async ({ values, words }) => {
    await expect(template(folders.helm, values)).rejects.toThrow(words);
  });

  it.each(SHAPES)('keeps the state of a %s in a directory below its volume', async (mode) => {
    const all = manifests(await template(folders.helm, { mode }));

    const mounts = containerOf(podOf(all), 'penstock').volumeMounts ?? [];
    expect(mounts.find(({ name }) => name === 'state')?.mountPath).toBe('/var/lib/penstock');
    expect(configuration(all).state.path).toBe('/var/lib/penstock/state');
  });

  it.each(['daemon', 'sidecar'])('asks a %s at the address of its Pod', async (mode) => {
    const all = manifests(await template(folders.helm, { mode }));

    const [port] = containerOf(podOf(all), 'penstock').ports ?? [];
    const listen = parseListenAddress(configuration(all).admin?.listen ?? '');
    expect(listen).toEqual({ host: undefined, port: port?.containerPort });
  });

  it('keeps the operator’s own settings, and sets only what the Pod decides', async () => {
    const config = 'state: {path: ./state, max_bytes: 4GiB}\ndestinations: {siem: {endpoint: https://siem}}';

    const all = manifests(await template(folders.helm, { mode: 'daemon', config }));

    expect(configuration(all)).toEqual({
      state: { path: '/var/lib/penstock/state', max_bytes: '4GiB' },
      destinations: { siem: { endpoint: 'https://siem' } },
      admin: { listen: ':9464' },
    });
  });

  it.each([
    { mode: 'cronjob', destinations: { siem: { endpoint: 'http://opentelemetry-collector:4318' } } },
    { mode: 'sidecar', destinations: { collector: { endpoint: 'http://127.0.0.1:4318' } } },
  ])('sends to a Collector as $mode when nothing else is said', async ({ mode, destinations }) => {
    const all = manifests(await template(folders.helm, { mode }));

    expect(configuration(all).destinations).toEqual(destinations);
  });

  it.each(SHAPES)(
    'bounds and hardens every container of a %s, and gives none a secret as a variable',
    async (mode) => {
      const pod = podOf(manifests(await template(folders.helm, { mode })));

      expect(pod.automountServiceAccountToken).toBe(false);
      for (const { resources, securityContext, env } of containersOf(pod)) {
        expect(Object.keys(resources.requests).toSorted()).toEqual(['cpu', 'memory']);
        expect(Object.keys(resources.limits)).toEqual(['memory']);
        expect(securityContext).toMatchObject({
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
        });
        expect(env).toBeUndefined();
      }
    },
  );

  it('makes a readiness probe for the daemon alone', async () => {
    expect(await probes('daemon')).toEqual(['startupProbe', 'livenessProbe', 'readinessProbe']);
    expect(await probes('sidecar')).toEqual(['livenessProbe']);
    expect(await probes('cronjob')).toEqual([]);
  });

  it('alerts on metrics that there are', async () => {
    const text = await template(folders.helm, { mode: 'daemon', 'prometheusRule.enabled': true });
    const names = FAMILIES.map(({ name }) => name);

    const used = [...text.matchAll(/\bpenstock_\w+/g)].map(([name]) => name);

    expect(used.length).toBeGreaterThan(4);
    expect(names).toEqual(expect.arrayContaining(used));
  });
});
