import { isRecord, membersOf, type Tree } from './tree.ts';
import { nearest } from './nearest.ts';
import type { Problems } from './problems.ts';
import { showPlace, type Path } from './location.ts';
import type { SourceConfig } from './types.ts';

/** Checks that destinations take the sources there are. Looks at the tree itself, so that other mistakes hide nothing. */
export function checkRouting(tree: Tree, problems: Problems): void {
  const sources = membersOf(tree.value['sources']).map(([name]) => name);
  const wanted = membersOf(tree.value['destinations']).map(([name, block]) => wantedBy(name, block));
  const unknown = wanted.flatMap(({ names }) => names ?? []).filter(({ name }) => !sources.includes(name));
  for (const { name, path } of unknown) {
    const near = nearest(name, sources);
    const hint = near === undefined ? '' : `; the nearest is \`${near}\``;
    problems.add(tree.places.value(path), path, `expected the name of a source${hint}`);
  }
  // A misspelt name is one mistake, not two.
  if (unknown.length === 0) checkTaken(sources, wanted, tree, problems);
}

interface Wanted {
  /** Undefined: all. */
  readonly names: readonly { readonly name: string; readonly path: Path }[] | undefined;
}

function wantedBy(destination: string, block: unknown): Wanted {
  const names = isRecord(block) ? block['sources'] : undefined;
  if (!Array.isArray(names)) return { names: undefined };
  return {
    names: names.map((name, index) => ({
      name: String(name),
      path: ['destinations', destination, 'sources', index],
    })),
  };
}

function checkTaken(
  sources: readonly string[],
  wanted: readonly Wanted[],
  tree: Tree,
  problems: Problems,
): void {
  // Without destinations in the file, the environment's one takes all.
  if (wanted.length === 0 || wanted.some(({ names }) => names === undefined)) return;
  const taken = new Set(wanted.flatMap(({ names }) => names?.map(({ name }) => name) ?? []));
  for (const source of sources.filter((name) => !taken.has(name))) {
    const path = ['sources', source];
    const message =
      'expected a destination that takes it; name it in the `sources` of one, or let one take all';
    problems.add(tree.places.key(path), path, message);
  }
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
  const scopes = a.definition.scopedBy ?? [];
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
