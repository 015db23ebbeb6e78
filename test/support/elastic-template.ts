import { EcsFlat } from '@elastic/ecs';
import { ECS_VERSION, type FieldTable } from '../../src/core/event.ts';

/** What `@elastic/ecs` says of how a field is stored. */
interface EcsField {
  readonly type: string;
  readonly ignore_above?: number;
  readonly index?: boolean;
  readonly doc_values?: boolean;
  readonly scaling_factor?: number;
  readonly multi_fields?: readonly { readonly name: string; readonly type: string }[];
}

type Mapping = Readonly<Record<string, unknown>>;

/** The field sets whose fields our mappings use, whole, so that one more of them needs no new template. */
const SETS =
  /^(?:@timestamp|message|tags|ecs\.|event\.|error\.|observer\.|organization\.|related\.|rule\.|source\.|url\.|user\.|user_agent\.|group\.(?:id|name)$|http\.request\.(?:id|method)$|http\.response\.status_code$|host\.hostname$|log\.level$|cloud\.(?:account|provider|region|service)\b|data_stream\.|agent\.|service\.(?:name|type)$)/;

/** Reuses of a set within another one, which multiply the fields and which nothing here fills. */
const NESTED =
  /^(?:user\.(?:changes|effective|entity|target\.(?:entity|group|risk))|observer\.(?:egress|ingress|geo|os))\.|\.entity\./;

/** Types that have no values of their own: objects, and sets of fields by a name prefix (`labels`). */
const NO_VALUES = new Set(['object', 'nested', 'flattened']);

/** What a Collector leaves in a document of profile `elastic-ecs`: ids, the mapping mode, and our Resource. */
const DELIVERY: FieldTable = {
  'log.record.uid': 'keyword',
  'elasticsearch.document_id': 'keyword',
  'elastic.mapping.mode': 'keyword',
  'service.namespace': 'keyword',
};

const LONGEST_KEYWORD = 1024;

/** How Elasticsearch and OpenSearch are to type what is in no table: nothing is guessed from a text that looks like a date. */
const DYNAMIC = [
  { labels: { path_match: 'labels.*', mapping: { type: 'keyword', ignore_above: LONGEST_KEYWORD } } },
  { addresses: { match: 'ip', match_mapping_type: 'string', mapping: { type: 'ip' } } },
  {
    texts: { match_mapping_type: 'string', mapping: { type: 'keyword', ignore_above: LONGEST_KEYWORD } },
  },
];

/** `PUT _component_template/penstock@mappings`: every field that an event can have, typed. */
export function componentTemplate(own: FieldTable): object {
  const ecs = Object.entries(EcsFlat as unknown as Readonly<Record<string, EcsField>>)
    .filter(([name, { type }]) => SETS.test(name) && !NESTED.test(name) && !NO_VALUES.has(type))
    .map(([name, field]) => [name, ecsMapping(field)] as const);
  const others = Object.entries({ ...own, ...DELIVERY }).map(
    ([name, type]) => [name, mapping(type)] as const,
  );
  return {
    template: {
      settings: { 'index.mapping.ignore_malformed': true },
      mappings: {
        date_detection: false,
        dynamic_templates: DYNAMIC,
        properties: properties([...ecs, ...others].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      },
    },
    _meta: { description: 'Fields of the events that Penstock ships.', ecs_version: ECS_VERSION },
  };
}

/** `PUT _index_template/penstock`: the data streams of these datasets, in every namespace. */
export function indexTemplate(datasets: readonly string[]): object {
  return {
    index_patterns: datasets.map((dataset) => `logs-${dataset}-*`),
    data_stream: {},
    composed_of: ['penstock@mappings'],
    priority: 250,
    _meta: { description: 'Data streams of the events that Penstock ships.' },
  };
}

function ecsMapping({ type, multi_fields: more = [], ...field }: EcsField): Mapping {
  const own = mapping(type, field.ignore_above);
  return {
    ...own,
    ...(field.index === false && { index: false, doc_values: field.doc_values ?? false }),
    ...(field.scaling_factor !== undefined && { scaling_factor: field.scaling_factor }),
    ...(more.length > 0 && {
      fields: Object.fromEntries(more.map((sub) => [sub.name, { type: sub.type }])),
    }),
  };
}

/** Longer texts are kept and shown, and not indexed: a store refuses the whole document for a term beyond 32 kB. */
function mapping(type: string, ignoreAbove = LONGEST_KEYWORD): Mapping {
  // OpenSearch requires the value of a constant_keyword in the mapping; queries treat both types alike.
  if (type === 'constant_keyword') return { type: 'keyword', ignore_above: LONGEST_KEYWORD };
  return type === 'keyword' || type === 'wildcard' ? { type, ignore_above: ignoreAbove } : { type };
}

interface Node {
  properties: Record<string, Node | Mapping>;
}

/** Dotted names as the tree that a mapping is. */
function properties(fields: readonly (readonly [string, Mapping])[]): Node['properties'] {
  const root: Node = { properties: {} };
  for (const [name, leaf] of fields) {
    const path = name.split('.');
    const last = path.pop() ?? name;
    let node = root;
    for (const step of path) node = (node.properties[step] ??= { properties: {} }) as Node;
    node.properties[last] = leaf;
  }
  return root.properties;
}
