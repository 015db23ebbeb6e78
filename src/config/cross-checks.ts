import { isRecord, type Tree } from './document.ts';
import { nearest } from './nearest.ts';
import type { Problems } from './problems.ts';
import { showPlace } from './location.ts';
import type { SourceConfig } from './types.ts';

/** Checks that destinations take the sources there are. Looks at the tree itself, so that other mistakes hide nothing. */
export function checkRouting(tree: Tree, problems: Problems): void {
  const sources = entries(tree.value['sources']).map(([name]) => name);
  const taken = new Set<string>();
  for (const [name, destination] of entries(tree.value['destinations'])) {
    const wanted = isRecord(destination) ? destination['sources'] : undefined;
    for (const source of Array.isArray(wanted) ? wanted : sources) taken.add(String(source));
    checkWanted(wanted, ['destinations', name, 'sources'], { sources, tree, problems });
  }
  // Without destinations in the file, the environment's one takes all.
  if (entries(tree.value['destinations']).length === 0) return;
  for (const source of sources.filter((name) => !taken.has(name))) {
    const path = ['sources', source];
    problems.add(
      tree.places.key(path),
      path,
      'expected a destination that takes it; add it to the `sources` of one, or leave these out to take all',
    );
  }
}

interface Context {
  readonly sources: readonly string[];
  readonly tree: Tree;
  readonly problems: Problems;
}

function checkWanted(wanted: unknown, path: readonly string[], { sources, tree, problems }: Context): void {
  if (!Array.isArray(wanted)) return;
  for (const [index, name] of wanted.entries()) {
    if (typeof name !== 'string' || sources.includes(name)) continue;
    const near = nearest(name, sources);
    const hint = near === undefined ? '' : `; the nearest is \`${near}\``;
    problems.add(
      tree.places.value([...path, index]),
      [...path, index],
      `expected the name of a source${hint}`,
    );
  }
}

function entries(section: unknown): [string, unknown][] {
  return Object.entries(isRecord(section) ? section : {});
}

/** Two sources that read one stream would each believe that they alone move its cursor: finds those that the file shows. */
export function checkStreams(sources: readonly SourceConfig[], tree: Tree, problems: Problems): void {
  for (const [index, source] of sources.entries()) {
    const first = sources.slice(0, index).find((other) => readSameStream(other, source));
    if (first === undefined) continue;
    const path = ['sources', source.name];
    const place = tree.places.key(['sources', first.name]);
    const at = place === undefined ? '' : ` (${showPlace(place)})`;
    problems.add(
      tree.places.key(path),
      path,
      `expected another part of the vendor's data than \`${first.name}\`${at} reads; remove one of the two`,
    );
  }
}

function readSameStream(a: SourceConfig, b: SourceConfig): boolean {
  if (a.definition.id !== b.definition.id || a.options.base_url !== b.options.base_url) return false;
  const scopes = ['tenants', ...(a.definition.scopedBy ?? [])];
  return scopes.every((option) => overlap(partsOf(a, option), partsOf(b, option)));
}

/** What an option chooses; undefined: everything. */
function partsOf({ options }: SourceConfig, option: string): readonly unknown[] | undefined {
  const value: unknown = Reflect.get(options, option);
  const chosen = isRecord(value) ? value['only'] : value;
  if (chosen === undefined) return undefined;
  return Array.isArray(chosen) ? chosen : [chosen];
}

function overlap(a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean {
  return a === undefined || b === undefined || a.some((part) => b.includes(part));
}
