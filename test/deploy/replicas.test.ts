import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CHART, helm, setting, template, type Values } from './support/helm.ts';
import { containerOf, dataOf, type Manifest, manifests, podOf } from './support/manifest.ts';
import { tools } from './support/tools.ts';

const { folders, skipped } = await tools('helm');

const URL_VALUE = 'postgres://penstock:secret@database/soc';
const REPLICAS = { mode: 'daemon', replicas: 3, 'state.postgres.secretName': 'database' };
const PATH = 'state: { path: ./state, allow_network_fs: true, max_bytes: 4GiB }';

async function made(values: Values): Promise<readonly Manifest[]> {
  return manifests(await template(folders.helm, values));
}

function specOf(all: readonly Manifest[], kind: string): object | undefined {
  return all.find((object) => object.kind === kind)?.['spec'] as object | undefined;
}

function deploymentOf(all: readonly Manifest[]): Rolling {
  return specOf(all, 'Deployment') as Rolling;
}

/** Penstock's own configuration among these. */
function configuration(all: readonly Manifest[]) {
  return parse(dataOf(all, 'penstock')['penstock.yaml'] ?? '') as { state: object; replica?: string };
}

/** Helm's words when it refuses values by their schema, and when it is told not to look at the schema. */
async function refusals(values: Values): Promise<string[]> {
  const ran = [[], ['--skip-schema-validation']].map((flags) =>
    helm(folders.helm, ['template', 'penstock', CHART, ...flags, ...setting(values)]),
  );
  return (await Promise.all(ran)).map(({ code, stderr }) => (code === 0 ? '' : stderr));
}

interface Rolling {
  readonly replicas: number;
  readonly strategy: { readonly type: string; readonly rollingUpdate?: object };
  readonly selector: { readonly matchLabels: Record<string, string> };
  readonly template: {
    readonly metadata: {
      readonly labels: Record<string, string>;
      readonly annotations: Record<string, string>;
    };
    readonly spec: { readonly topologySpreadConstraints?: readonly { readonly topologyKey: string }[] };
  };
}

describe.skipIf(skipped !== '')(`The chart with replicas on PostgreSQL${skipped}`, () => {
  it('rolls: a new Pod is ready before an old one ends, and replicas are on different nodes and in different zones', async () => {
    const { replicas, strategy, template } = deploymentOf(await made(REPLICAS));

    expect([replicas, strategy]).toEqual([
      3,
      { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    ]);
    const keys = template.spec.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey);
    expect(keys).toEqual(['kubernetes.io/hostname', 'topology.kubernetes.io/zone']);
  });

  it('replaces the one Pod of a state on a volume, as it always has', async () => {
    const { replicas, strategy, template } = deploymentOf(await made({ mode: 'daemon' }));

    expect([replicas, strategy]).toEqual([1, { type: 'Recreate' }]);
    expect(template.spec.topologySpreadConstraints).toBeUndefined();
  });

  it('has a disruption budget for the Pods of the Deployment and no others, where there are several', async () => {
    const all = await made(REPLICAS);
    const one = await made({ ...REPLICAS, replicas: 1 });
    const off = await made({ ...REPLICAS, 'podDisruptionBudget.enabled': false });

    const budget = specOf(all, 'PodDisruptionBudget') as Pick<Rolling, 'selector'>;

    const deployment = deploymentOf(all);
    const test = all.find(({ kind }) => kind === 'Pod')?.metadata.labels;
    expect(budget).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    expect(deployment.template.metadata.labels).toMatchObject(budget.selector.matchLabels);
    expect(test).not.toMatchObject(budget.selector.matchLabels);
    for (const other of [one, off]) expect(specOf(other, 'PodDisruptionBudget')).toBeUndefined();
  });

  it.each(['daemon', 'sidecar', 'cronjob'])('has no volume for the state of a %s', async (mode) => {
    const all = await made({ mode, 'state.postgres.secretName': 'database' });

    expect(all.map(({ kind }) => kind)).not.toContain('PersistentVolumeClaim');
    const pod = podOf(all);
    expect(pod.volumes?.filter(({ persistentVolumeClaim }) => persistentVolumeClaim)).toEqual([]);
    const mounts = containerOf(pod, 'penstock').volumeMounts?.map(({ mountPath }) => mountPath);
    expect(mounts).toContain('/var/lib/penstock');
    expect(pod.volumes).toContainEqual(
      expect.objectContaining({ name: 'scratch', emptyDir: expect.anything() }),
    );
  });

  it('configures the database, its certificates and the name of the replica, and keeps the limits of the state', async () => {
    const all = await made({
      ...REPLICAS,
      config: PATH,
      'state.postgres.schema': 'soc',
      'state.postgres.lease': '30s',
      'state.postgres.tls': { secretName: 'tls', ca: 'ca.crt', cert: 'tls.crt', key: 'tls.key' },
    });

    const { state, replica } = configuration(all);
    expect(state).toEqual({
      postgres: {
        url: '${file:/run/secrets/postgres/url}',
        schema: 'soc',
        tls: {
          ca_file: '/run/secrets/postgres-tls/ca.crt',
          cert_file: '/run/secrets/postgres-tls/tls.crt',
          key_file: '/run/secrets/postgres-tls/tls.key',
        },
      },
      lease: '30s',
      max_bytes: '4GiB',
    });
    expect(replica).toBe('${POD_NAME}');
    expect(containerOf(podOf(all), 'penstock').env).toEqual([
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ]);
  });

  it('makes a Secret of a URL, which is nowhere else, and new Pods when it changes', async () => {
    const all = await made({ mode: 'daemon', 'state.postgres.url': URL_VALUE });
    const other = await made({ mode: 'daemon', 'state.postgres.url': `${URL_VALUE}2` });

    const secret = all.find(({ kind }) => kind === 'Secret');
    expect(secret).toMatchObject({ metadata: { name: 'penstock-postgres' }, stringData: { url: URL_VALUE } });
    expect(JSON.stringify(all.filter((object) => object !== secret))).not.toContain('secret@database');
    expect(podOf(all).volumes).toContainEqual({
      name: 'postgres',
      secret: { secretName: 'penstock-postgres', defaultMode: 0o440, items: [{ key: 'url', path: 'url' }] },
    });
    const sums = [all, other].map((objects) => deploymentOf(objects).template.metadata.annotations);
    expect(sums[0]?.['checksum/config']).not.toBe(sums[1]?.['checksum/config']);
  });

  it('gives the budget and the Secret labels of all, and of their own', async () => {
    const all = await made({
      mode: 'daemon',
      replicas: 2,
      'state.postgres.url': URL_VALUE,
      commonLabels: { team: 'security' },
      'podDisruptionBudget.labels': { of: 'budget' },
      'state.labels': { of: 'secret' },
    });

    const labelsOf = (kind: string) => all.find((object) => object.kind === kind)?.metadata.labels;
    const recommended = { 'app.kubernetes.io/name': 'penstock', 'app.kubernetes.io/component': 'daemon' };
    expect(labelsOf('PodDisruptionBudget')).toMatchObject({ ...recommended, team: 'security', of: 'budget' });
    expect(labelsOf('Secret')).toMatchObject({ ...recommended, team: 'security', of: 'secret' });
  });

  it('lets Penstock reach the port of the database, and no such port where there is none', async () => {
    const port = { 'networkPolicy.postgresPort': 6432 };
    const egressOf = async (values: Values) =>
      (specOf(await made({ ...values, ...port }), 'NetworkPolicy') as { egress: object[] }).egress;

    expect(await egressOf(REPLICAS)).toContainEqual({ ports: [{ port: 6432 }] });
    expect(await egressOf({ mode: 'daemon' })).not.toContainEqual({ ports: [{ port: 6432 }] });
  });

  it.each([
    {
      name: 'replicas that have only a volume',
      values: { mode: 'daemon', replicas: 2 },
      words: [/at '\/replicas': maximum: got 2, want 1/, /replicas is 2, but without state.postgres/],
    },
    {
      name: 'replicas of a CronJob',
      values: { mode: 'cronjob', replicas: 2, 'state.postgres.secretName': 'database' },
      words: [/at '\/replicas': maximum: got 2, want 1/, /a CronJob runs one Pod at a time/],
    },
    {
      name: 'a URL from two places',
      values: { 'state.postgres.secretName': 'database', 'state.postgres.url': URL_VALUE },
      words: [/at '\/state\/postgres'/, /are both set/],
    },
    {
      name: 'a database that the configuration alone names',
      values: { config: 'state: { postgres: { url: "${DATABASE_URL}" } }' },
      words: [/config sets state.postgres/, /config sets state.postgres/],
    },
  ])('refuses $name', async ({ values, words }) => {
    const [bySchema, byTemplate] = await refusals(values);

    expect(bySchema).toMatch(words[0] as RegExp);
    expect(byTemplate).toMatch(words[1] as RegExp);
  });

  it('passes helm lint', async () => {
    const { code, stdout, stderr } = await helm(folders.helm, [
      'lint',
      '--strict',
      CHART,
      ...setting(REPLICAS),
    ]);

    expect(code, stdout + stderr).toBe(0);
  });
});
