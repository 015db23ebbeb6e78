import { type Document, isMap, parseAllDocuments, stringify, visit } from 'yaml';
import { template } from './helm.ts';
import type { Manifest } from './manifest.ts';

/** The values of `mode`. */
export const SHAPES = ['cronjob', 'daemon', 'sidecar'] as const;

/** Values of the chart, by the folder below deploy/kubernetes that is rendered from them. */
const VALUES = {
  cronjob: { mode: 'cronjob' },
  daemon: { mode: 'daemon' },
  replicas: { mode: 'daemon', replicas: 3, 'state.postgres.secretName': 'penstock-postgres' },
  sidecar: { mode: 'sidecar' },
} as const;

export type Folder = keyof typeof VALUES;

export const FOLDERS = Object.keys(VALUES) as readonly Folder[];

const MADE = `# Rendered from deploy/helm by \`npm run generate:deploy\`.\n`;

/** Where each ConfigMap's only key is a file beside the manifests: kustomize makes the ConfigMap, named by its content. */
const CONFIG_FILES: Readonly<Record<string, { readonly file: string; readonly heading: string }>> = {
  'penstock.yaml': {
    file: 'penstock.yaml',
    heading:
      '# Yours to edit: config/penstock.yaml has every option. A change makes a new ConfigMap, and new Pods.\n',
  },
  'config.yaml': {
    file: 'collector.yaml',
    heading: '# Yours to edit: deploy/collector has a configuration for each store.\n',
  },
};

/** Fields that mean something to Helm alone. */
const OF_HELM = [
  'helm.sh/chart',
  'helm.sh/resource-policy',
  'app.kubernetes.io/managed-by',
  'checksum/config',
];

/** The files of deploy/kubernetes/<folder>, by their names; `tools` is what the recipe `helm` built. */
export async function render(tools: string, folder: Folder): Promise<ReadonlyMap<string, string>> {
  const whole = await template(tools, { ...VALUES[folder], 'test.enabled': false });
  const text = whole.replaceAll(/^# Source: .*\n/gm, '');
  const documents = parseAllDocuments(text, { schema: 'yaml-1.1' });
  const configs = documents.filter((document) => document.get('kind') === 'ConfigMap').map(configOf);
  const objects = documents.filter((document) => document.get('kind') !== 'ConfigMap');
  const manifests = objects.map((object) => [`${nameOf(object)}.yaml`, plain(object)] as const);
  const names = manifests.map(([name]) => name);
  return new Map([
    ...manifests,
    ...configs.map(({ file, content }) => [file, content] as const),
    ['kustomization.yaml', kustomization(names, configs)],
  ]);
}

function nameOf(object: Document): string {
  return (object.get('kind') as string).toLowerCase();
}

interface ConfigFile {
  /** The ConfigMap's. */
  readonly name: string;
  /** Its only key. */
  readonly key: string;
  /** Where it is kept here. */
  readonly file: string;
  readonly content: string;
}

function configOf(config: Document): ConfigFile {
  const { metadata, data } = config.toJS() as Manifest & { data: Record<string, string> };
  const [[key, content]] = Object.entries(data) as [[string, string]];
  const place = CONFIG_FILES[key];
  if (place === undefined) throw new Error(`No file beside the manifests is for ${key}.`);
  return { name: metadata.name, key, file: place.file, content: place.heading + content };
}

/** The object with the chart's comments, without what only Helm reads. */
function plain(object: Document): string {
  visit(object, {
    Map(_, map) {
      const annotations = map.get('annotations');
      for (const fields of [annotations, map.get('labels')]) {
        if (isMap(fields)) for (const field of OF_HELM) fields.delete(field);
      }
      if (isMap(annotations) && annotations.items.length === 0) map.delete('annotations');
    },
  });
  return MADE + object.toString({ lineWidth: 110, flowCollectionPadding: false }).replace(/^---\n/, '');
}

function kustomization(resources: readonly string[], configs: readonly ConfigFile[]): string {
  const generated = configs.map(({ name, key, file }) => {
    return { name, files: [key === file ? file : `${key}=${file}`] };
  });
  const whole = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: resources.toSorted(),
    configMapGenerator: generated,
  };
  return `${MADE}${stringify(whole)}images:\n  - name: penstock\n    newName: penstock # with your registry before it\n`;
}
