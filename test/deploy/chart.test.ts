import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FAMILIES } from '../../src/observe/families.ts';
import { parseListenAddress } from '../../src/config/fields.ts';
import { ACME } from '../sources/_declarative/definitions.ts';
import { CHART, helm, template, type Values } from './support/helm.ts';
import {
  containerOf,
  containersOf,
  dataOf,
  type Manifest,
  manifests,
  type Metadata,
  podOf,
  testPodOf,
} from './support/manifest.ts';
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

describe.skipIf(skipped !== '')(`definitions${skipped}`, () => {
  it('stand beside the configuration, whole', async () => {
    const text = `${ACME}# the end\n`;

    const all = manifests(await template(folders.helm, { definitions: { 'acme-audit': text } }));

    expect(dataOf(all, 'penstock')).toMatchObject({ 'acme-audit.source.yaml': text });
  });

  it('have ids that may be ids', async () => {
    const made = template(folders.helm, { definitions: { Acme_Audit: ACME } });

    await expect(made).rejects.toThrow(/definitions.*Acme_Audit/s);
  });
});

/** The labels and annotations of everything that is made: objects, Jobs and Pods. By kind, and name where there are two. */
async function metadata(values: Values): Promise<Record<string, Metadata>> {
  const all = manifests(await template(folders.helm, values));
  return Object.fromEntries(
    all.flatMap(({ kind, metadata, spec }) => {
      const job = (spec as Owner | undefined)?.jobTemplate;
      const pod = (job?.spec ?? (spec as Owner | undefined))?.template;
      const name = metadata.name.replace(/^penstock/, '');
      return [
        [kind + name, metadata],
        ...(job === undefined ? [] : [['Job', job.metadata]]),
        ...(pod === undefined ? [] : [['Pod', pod.metadata]]),
      ] as [string, Metadata][];
    }),
  );
}

interface Selecting {
  readonly selector: { readonly matchLabels?: object };
  readonly podSelector: { readonly matchLabels?: object };
}

interface Owner {
  readonly jobTemplate?: { readonly metadata: Metadata; readonly spec: Owner };
  readonly template?: { readonly metadata: Metadata };
}

const EVERYTHING = { 'serviceMonitor.enabled': true, 'prometheusRule.enabled': true };

/** Which value has the labels and annotations of what. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  cronjob: ['CronJob'],
  deployment: ['Deployment'],
  state: ['PersistentVolumeClaim-state'],
  networkPolicy: ['NetworkPolicy'],
  service: ['Service'],
  configMap: ['ConfigMap', 'ConfigMap-collector'],
  serviceAccount: ['ServiceAccount'],
  serviceMonitor: ['ServiceMonitor'],
  prometheusRule: ['PrometheusRule'],
  test: ['Pod-test'],
};

const OF_PODS = { podLabels: { own: 'yes' }, podAnnotations: { own: 'yes' } };

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
    { name: 'a value that there is not', values: { instances: 2 }, words: /instances/ },
    { name: 'a configuration that is no text', values: { config: { sources: {} } }, words: /config/ },
    {
      name: 'a configuration that is no YAML',
      values: { config: 'a: [' },
      words: /config is not a YAML map/,
    },
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
      const all = manifests(await template(folders.helm, { mode }));
      const pods = [podOf(all), testPodOf(all)];

      for (const pod of pods) expect(pod.automountServiceAccountToken).toBe(false);
      for (const { resources, securityContext, env } of pods.flatMap(containersOf)) {
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

  it.each(SHAPES)('labels all of a %s as Kubernetes and Helm recommend', async (mode) => {
    const all = await metadata({ mode, ...EVERYTHING });

    expect(Object.keys(all).length).toBeGreaterThan(6);
    for (const [what, { labels }] of Object.entries(all)) {
      expect(labels, what).toEqual({
        'app.kubernetes.io/name': 'penstock',
        'app.kubernetes.io/instance': 'penstock',
        'app.kubernetes.io/version': expect.stringMatching(/^\d+\.\d+\.\d+/),
        'app.kubernetes.io/component': what === 'Pod-test' ? 'test' : mode,
        'app.kubernetes.io/part-of': 'penstock',
        'app.kubernetes.io/managed-by': 'Helm',
        'helm.sh/chart': expect.stringMatching(/^penstock-\d+\.\d+\.\d+/),
      });
    }
  });

  it.each(SHAPES)('gives all of a %s the labels and annotations that all shall have', async (mode) => {
    const common = { commonLabels: { team: 'security' }, commonAnnotations: { 'example.com/cost': '42' } };

    const all = await metadata({ mode, ...EVERYTHING, ...common });

    expect(Object.keys(all).length).toBeGreaterThan(6);
    for (const [what, { labels, annotations }] of Object.entries(all)) {
      expect(labels, what).toMatchObject({ team: 'security', 'app.kubernetes.io/name': 'penstock' });
      expect(annotations, what).toMatchObject({ 'example.com/cost': '42' });
    }
    expect(all['PersistentVolumeClaim-state']?.annotations).toHaveProperty('helm.sh/resource-policy', 'keep');
    expect(all['Pod']?.annotations).toHaveProperty('checksum/config');
  });

  it.each(Object.keys(GROUPS))('gives what %s is about labels and annotations of its own', async (group) => {
    const own = { [`${group}.labels`]: { own: 'yes' }, [`${group}.annotations`]: { own: 'yes' } };
    const values = { mode: group === 'cronjob' ? 'cronjob' : 'sidecar', ...EVERYTHING, ...own };

    const all = Object.entries(await metadata({ ...values, commonLabels: { own: 'no' } }));

    const having = all.filter(([, { labels, annotations }]) => {
      return labels?.['own'] === 'yes' && annotations?.['own'] === 'yes';
    });
    expect(having.map(([what]) => what).toSorted()).toEqual(GROUPS[group]);
  });

  it.each(SHAPES)('gives the Pod of a %s labels and annotations of its own', async (mode) => {
    const all = Object.entries(await metadata({ mode, ...OF_PODS }));

    const having = all.filter(([, { labels, annotations }]) => {
      return labels?.['own'] === 'yes' && annotations?.['own'] === 'yes';
    });
    expect(having.map(([what]) => what)).toEqual(['Pod']);
  });

  it('keeps what selectors read, whatever the labels say', async () => {
    const theirs = { 'app.kubernetes.io/name': 'theirs', 'app.kubernetes.io/component': 'theirs' };
    const values = { mode: 'daemon', ...EVERYTHING, commonLabels: theirs, podLabels: theirs };
    const all = manifests(await template(folders.helm, values));
    const spec = (kind: string) => all.find((object) => object.kind === kind)?.['spec'] as Selecting;

    const { Pod: pod, 'Pod-test': test, Service: service } = await metadata(values);

    expect(pod?.labels).toMatchObject(spec('Deployment').selector.matchLabels as object);
    expect(pod?.labels).toMatchObject(spec('NetworkPolicy').podSelector.matchLabels as object);
    expect(pod?.labels).toMatchObject(spec('Service').selector);
    expect(test?.labels).not.toMatchObject(spec('Service').selector);
    expect(service?.labels).toMatchObject(spec('ServiceMonitor').selector.matchLabels as object);
  });

  it('makes the Pod of helm test unless that is off', async () => {
    expect(await metadata({ mode: 'daemon' })).toHaveProperty('Pod-test');
    expect(await metadata({ mode: 'daemon', 'test.enabled': false })).not.toHaveProperty('Pod-test');
  });

  it('makes a readiness probe for the daemon alone', async () => {
    expect(await probes('daemon')).toEqual(['startupProbe', 'livenessProbe', 'readinessProbe']);
    expect(await probes('sidecar')).toEqual(['livenessProbe']);
    expect(await probes('cronjob')).toEqual([]);
  });

  it('asks about the process alone whether the Pod is ready', async () => {
    const all = manifests(await template(folders.helm, { mode: 'daemon' }));

    const { readinessProbe } = containerOf(podOf(all), 'penstock');

    expect(readinessProbe?.httpGet.path).toBe('/readyz?scope=process');
  });

  it('alerts on a stale source by its own schedule, not by fixed seconds', async () => {
    const text = await template(folders.helm, { mode: 'daemon', 'prometheusRule.enabled': true });

    expect(text).toContain('expr: penstock_source_stale == 1');
    expect(text).not.toContain('penstock_last_complete_sweep_timestamp_seconds');
  });

  it('alerts on metrics that there are', async () => {
    const text = await template(folders.helm, { mode: 'daemon', 'prometheusRule.enabled': true });
    const names = FAMILIES.map(({ name }) => name);

    const used = [...text.matchAll(/\bpenstock_\w+/g)].map(([name]) => name);

    expect(used.length).toBeGreaterThan(4);
    expect(names).toEqual(expect.arrayContaining(used));
  });
});
