import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { template, type Values } from './support/helm.ts';
import { manifests, podAlone } from './support/manifest.ts';
import { refusal } from './support/judge.ts';
import { pathOf } from './support/kustomized.ts';
import { FOLDERS } from './support/render.ts';
import { tools } from './support/tools.ts';

const { folders, skipped } = await tools('kubernetes', 'helm');

const NAMESPACE = 'penstock';
const REPLICAS = { mode: 'daemon', replicas: 3, 'state.postgres.secretName': 'database' };
const CRDS = new URL('support/monitoring-crds.yaml', import.meta.url);

/** Values that reach every branch of the templates. */
const VARIANTS: readonly { readonly name: string; readonly values: Values }[] = [
  { name: 'the defaults', values: {} },
  { name: 'a daemon', values: { mode: 'daemon' } },
  { name: 'a sidecar', values: { mode: 'sidecar' } },
  {
    name: 'a daemon with everything that is off by default',
    values: {
      mode: 'daemon',
      serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
      prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
      env: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
      imagePullSecrets: [{ name: 'registry' }],
      commonLabels: { team: 'security' },
      commonAnnotations: { 'example.com/owner': 'soc' },
      podAnnotations: { team: 'security' },
      podLabels: { team: 'security' },
      'service.annotations': { 'example.com/scrape': 'true' },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'dedicated', operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      'networkPolicy.extraEgress': [{ ports: [{ port: 3128 }] }],
      'networkPolicy.adminFrom': [],
      'state.storageClassName': 'fast',
    },
  },
  {
    name: 'a sidecar with secrets of its Collector, and a claim and an account that exist',
    values: {
      mode: 'sidecar',
      'collector.secretName': 'collector',
      'state.existingClaim': 'claim',
      serviceAccount: { create: false, name: 'existing' },
      serviceMonitor: { enabled: true },
      prometheusRule: { enabled: true },
    },
  },
  {
    name: 'a CronJob without secrets, network policy and kept claim, by another name',
    values: {
      fullnameOverride: 'a-name-that-is-longer-than-a-cron-job-may-have-for-its-name',
      secretName: '',
      'networkPolicy.enabled': false,
      'state.keep': false,
      serviceMonitor: { enabled: true },
    },
  },
  {
    name: 'three replicas, with every value that they have',
    values: {
      mode: 'daemon',
      replicas: 3,
      'state.postgres': { secretName: 'database', secretKey: 'DATABASE_URL', schema: 'soc', lease: '30s' },
      'state.postgres.tls': { secretName: 'database-tls', ca: 'ca.crt', cert: 'tls.crt', key: 'tls.key' },
      'networkPolicy.postgresPort': 6432,
      'podDisruptionBudget.labels': { team: 'security' },
      env: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
      ],
    },
  },
  {
    name: 'two sidecars whose database’s URL is a value',
    values: { mode: 'sidecar', replicas: 2, 'state.postgres.url': 'postgres://penstock:secret@database/soc' },
  },
  {
    name: 'a CronJob beside replicas',
    values: { mode: 'cronjob', 'state.postgres.secretName': 'database' },
  },
];

describe.skipIf(skipped !== '')(`Kubernetes' API server${skipped}`, () => {
  let server: ApiServer;

  beforeAll(async () => {
    server = await startApiServer(folders.kubernetes);
    await server.namespace(NAMESPACE, 'restricted');
    await server.define(await readFile(CRDS, 'utf8'));
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  it.each(VARIANTS)('takes what the chart makes of $name', async ({ values }) => {
    const text = await template(folders.helm, values);

    expect(await refusal(server, NAMESPACE, text)).toBe('');
  });

  it.each(FOLDERS)('takes deploy/kubernetes/%s, built by its kustomization', async (folder) => {
    const { code, stdout, stderr } = await server.kubectl(['kustomize', pathOf(folder)]);

    expect(code, stderr).toBe(0);
    expect(await refusal(server, NAMESPACE, stdout)).toBe('');
  });

  it.each(FOLDERS)('takes the Pod of %s under Pod Security "restricted"', async (folder) => {
    const { stdout } = await server.kubectl(['kustomize', pathOf(folder)]);
    const pod = podAlone(manifests(stdout));

    expect(await refusal(server, NAMESPACE, pod)).toBe('');
    expect(await refusal(server, NAMESPACE, pod.replace('runAsNonRoot: true', ''))).toMatch(
      /violates PodSecurity "restricted/,
    );
  });

  it('refuses a field that there is not', async () => {
    const text = await template(folders.helm, {});
    const mistaken = text.replace('concurrencyPolicy:', 'concurrencyPolice:');

    expect(mistaken).not.toBe(text);
    expect(await refusal(server, NAMESPACE, mistaken)).toMatch(/unknown field "spec.concurrencyPolice"/);
  });

  it('refuses a rollout that could never go on, and a budget without a meaning', async () => {
    const text = await template(folders.helm, REPLICAS);
    const stuck = text.replace('maxSurge: 1', 'maxSurge: 0');
    const both = text.replace('maxUnavailable: 1\n', 'maxUnavailable: 1\n  minAvailable: 1\n');

    expect(await refusal(server, NAMESPACE, text)).toBe('');
    expect(await refusal(server, NAMESPACE, stuck)).toMatch(
      /maxUnavailable.*may not be 0 when `maxSurge` is 0/,
    );
    expect(await refusal(server, NAMESPACE, both)).toMatch(
      /PodDisruptionBudget.*minAvailable and maxUnavailable cannot be both set/s,
    );
  });

  it('refuses a privileged container', async () => {
    const text = await template(folders.helm, {});
    const mistaken = text.replace('allowPrivilegeEscalation: false', 'privileged: true');

    expect(mistaken).not.toBe(text);
    expect(await refusal(server, NAMESPACE, mistaken)).toMatch(
      /would violate PodSecurity "restricted.*privileged/,
    );
  });

  it('refuses a field that a ServiceMonitor has not', async () => {
    const text = await template(folders.helm, { mode: 'daemon', 'serviceMonitor.enabled': true });

    expect(await refusal(server, NAMESPACE, text.replace('interval:', 'intervall:'))).toMatch(
      /unknown field "spec.endpoints\[0\].intervall"/,
    );
  });
});
