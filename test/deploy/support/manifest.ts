import { parseAllDocuments, stringify } from 'yaml';

/** A Kubernetes object, as far as every kind has it. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: Metadata & { readonly name: string };
  readonly [field: string]: unknown;
}

export interface Metadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly host?: string };
}

export interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources: {
    readonly requests: Readonly<Record<string, string>>;
    readonly limits: Readonly<Record<string, string>>;
  };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly emptyDir?: object;
}

export interface PodSpec {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly volumes?: readonly Volume[];
  readonly securityContext: { readonly runAsUser: number; readonly fsGroup: number };
}

/** The documents of a YAML stream that hold an object. */
export function manifests(text: string): Manifest[] {
  return parseAllDocuments(text, { schema: 'yaml-1.1' })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** What the ConfigMap of that name holds, by key. */
export function dataOf(all: readonly Manifest[], name: string): Readonly<Record<string, string>> {
  const found = all.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
  if (found === undefined) throw new Error(`There is no ConfigMap ${name}.`);
  return found['data'] as Record<string, string>;
}

/** The Pod that a CronJob or a Deployment among these makes. */
export function podOf(all: readonly Manifest[]): PodSpec {
  const owner = all.find(({ kind }) => kind === 'CronJob' || kind === 'Deployment');
  if (owner === undefined) throw new Error('There is neither a CronJob nor a Deployment.');
  type Template = { template: { spec: PodSpec } };
  const spec = owner['spec'] as Template & { jobTemplate: { spec: Template } };
  return (owner.kind === 'CronJob' ? spec.jobTemplate.spec : spec).template.spec;
}

/** The Pod that `helm test` makes. */
export function testPodOf(all: readonly Manifest[]): PodSpec {
  const pod = all.find(
    ({ kind, metadata }) => kind === 'Pod' && metadata.annotations?.['helm.sh/hook'] === 'test',
  );
  if (pod === undefined) throw new Error('There is no Pod for helm test.');
  return pod['spec'] as PodSpec;
}

/** All containers of a Pod, also those that are started first. */
export function containersOf({ initContainers = [], containers }: PodSpec): readonly Container[] {
  return [...initContainers, ...containers];
}

/** One container of a Pod, also one that is started first. */
export function containerOf(pod: PodSpec, name: string): Container {
  const found = containersOf(pod).find((container) => container.name === name);
  if (found === undefined) throw new Error(`There is no container ${name}.`);
  return found;
}

/** The same Pod without its owner, as a controller would ask for it. */
export function podAlone(all: readonly Manifest[]): string {
  return stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'alone' }, spec: podOf(all) });
}
