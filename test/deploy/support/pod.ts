import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import process, { execPath, getuid } from 'node:process';
import { temporaryDirectory } from '../../support/temporary.ts';
import {
  type Container,
  containerOf,
  dataOf,
  type Manifest,
  podOf,
  type PodSpec,
  type Volume,
} from './manifest.ts';

/** What a cluster would have beside the manifests, and how the addresses in them are met on loopback. */
export interface Surroundings {
  /** Files of the Secrets, by key. */
  readonly secrets: Readonly<Record<string, string>>;
  /** In every file of a ConfigMap, each of these is replaced by its value. */
  readonly addresses?: Readonly<Record<string, string>>;
  /** Instead of the Pod that a CronJob or a Deployment makes. */
  readonly spec?: PodSpec;
  /** The Pod's name. */
  readonly name?: string;
}

/** A Pod of some manifests whose containers a test runs as processes, with the Pod's volumes where they are mounted. */
export interface Pod extends AsyncDisposable {
  /** The directory that is mounted for the state, or for what is temporary beside a state on PostgreSQL. */
  readonly state: string;
  args(container: string): string[];
  /** How to start a container's command line as if in it; `programs` are the files and folders that its image has. */
  container(name: string, programs: readonly string[]): Started;
}

interface Started {
  /** What is given the command line. */
  readonly under: string[];
  readonly env: Readonly<Record<string, string>>;
}

/** An address that only who listens on all of them answers at, as the Pod's own is. */
export const POD_ADDRESS = '127.0.0.2';

const REPOSITORY = new URL('../../..', import.meta.url).pathname;

/** What Penstock's image has: Node, and the built CLI. */
export const IMAGE = [execPath, ...['dist', 'package.json'].map((name) => REPOSITORY + name)] as const;

const SCRIPT = new URL('in-pod.sh', import.meta.url).pathname;
const SET_GROUP = 0o2775;
/** The mode that the kubelet gives an `emptyDir`. */
const OPEN = 0o2777;

/**
 * Why Pods cannot be made here, for the title of tests that are skipped; '' when they can. It takes root.
 * @throws Error in CI, where nothing is skipped.
 */
export function podsSkipped(): string {
  if (getuid?.() === 0) return '';
  const missing = 'only root may mount what a Pod mounts.';
  if (process.env['CI'] === 'true') throw new Error(missing);
  return `, skipped, because ${missing}`;
}

/** Makes the volumes of the Pod among these manifests. */
export async function makePod(
  all: readonly Manifest[],
  { secrets, addresses = {}, spec = podOf(all), name: podName = 'penstock-0' }: Surroundings,
): Promise<Pod> {
  const directory = await temporaryDirectory();
  const root = `${directory.path}/root`;
  await mkdir(root);
  const places = new Map<string, string>();
  for (const volume of spec.volumes ?? []) {
    const place = `${directory.path}/${volume.name}`;
    places.set(volume.name, place);
    await mkdir(place);
    await fill(place, volume, { all, spec, secrets, addresses });
  }
  const { runAsUser, fsGroup } = spec.securityContext;
  return {
    state: places.get('state') ?? places.get('scratch') ?? '',
    args: (name) => (containerOf(spec, name).args ?? []).map((arg) => replaced(arg, addresses)),
    container(name, programs) {
      const { volumeMounts = [], env = [] } = containerOf(spec, name);
      const binds = [
        ...programs.map((program) => `${program}:${program}:ro`),
        ...volumeMounts.map(
          (mount) => `${places.get(mount.name)}:${mount.mountPath}:${mount.readOnly ? 'ro' : 'rw'}`,
        ),
      ];
      return {
        under: [
          'unshare',
          '--mount',
          'bash',
          SCRIPT,
          root,
          String(runAsUser),
          String(fsGroup),
          ...binds,
          '--',
        ],
        env: Object.fromEntries(env.map((variable) => [variable.name, valueOf(variable, podName)])),
      };
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** What a variable of a container is in a Pod of that name. */
function valueOf({ value, valueFrom }: NonNullable<Container['env']>[number], podName: string): string {
  if (valueFrom === undefined) return value ?? '';
  if (valueFrom.fieldRef.fieldPath !== 'metadata.name')
    throw new Error(`No test has ${valueFrom.fieldRef.fieldPath}.`);
  return podName;
}

interface Filling extends Required<Omit<Surroundings, 'name'>> {
  readonly all: readonly Manifest[];
  readonly spec: PodSpec;
}

async function fill(
  place: string,
  volume: Volume,
  { all, spec, secrets, addresses }: Filling,
): Promise<void> {
  const { fsGroup } = spec.securityContext;
  const write = async (name: string, content: string, mode: number) => {
    await writeFile(`${place}/${name}`, content, { mode });
    await chown(`${place}/${name}`, 0, fsGroup);
  };
  if (volume.configMap !== undefined) {
    for (const [name, content] of Object.entries(dataOf(all, volume.configMap.name)))
      await write(name, replaced(content, addresses), 0o644);
    return;
  }
  if (volume.secret !== undefined) {
    for (const [name, content] of Object.entries(secrets)) await write(name, content, 0o440);
    return;
  }
  if (volume.emptyDir !== undefined) await chown(place, 0, fsGroup).then(() => chmod(place, OPEN));
  else await asClaimed(place, fsGroup);
}

/** A new volume as the kubelet hands it over: root's, open to `fsGroup`, with what the file system keeps for itself. */
async function asClaimed(place: string, fsGroup: number): Promise<void> {
  await mkdir(`${place}/lost+found`, { mode: 0o700 });
  await chown(place, 0, fsGroup);
  await chmod(place, SET_GROUP);
}

/** The text with each address replaced. */
function replaced(content: string, addresses: Readonly<Record<string, string>>): string {
  return Object.entries(addresses).reduce((text, [from, to]) => text.replaceAll(from, to), content);
}
