import { gotValue } from './block.ts';
import { EVERY_TYPE } from './defaults.ts';
import { isRecord, membersOf, type Tree } from './tree.ts';
import { nearest } from './nearest.ts';
import type { Problems } from './problems.ts';
import type { Path } from './location.ts';

/** Checks that destinations take the sources there are. Looks at the tree itself, so that other mistakes hide nothing. */
export function checkRouting(tree: Tree, problems: Problems): void {
  const sources = membersOf(tree.value['sources']).map(([name]) => name);
  const wanted = membersOf(tree.value['destinations']).map(([name, block]) => wantedBy(name, block));
  const unknown = wanted.flatMap(({ names }) => names ?? []).filter(({ name }) => !sources.includes(name));
  for (const { name, path } of unknown) {
    const near = nearest(name, sources);
    const hint = near === undefined ? '' : `; did you mean \`${near}\`?`;
    problems.add(
      tree.places.value(path),
      path,
      `expected the name of a source${gotValue(path, tree)}${hint}`,
    );
  }
  // A misspelt name is one mistake, not two.
  if (unknown.length === 0) checkTaken(sources, wanted, tree, problems);
}

/** Checks that `defaults` names types that there are; what it holds is checked in the sources of that type. */
export function checkDefaults(tree: Tree, types: readonly string[], problems: Problems): void {
  for (const [type, options] of membersOf(tree.value['defaults'])) {
    const path = ['defaults', type];
    const known = [...types, EVERY_TYPE];
    if (!known.includes(type)) {
      const message = `expected a source type or \`*\`; did you mean \`${nearest(type, known)}\`?`;
      problems.add(tree.places.key(path), path, message);
    }
    if (!isRecord(options) || !Object.hasOwn(options, 'type')) continue;
    const typePath = [...path, 'type'];
    problems.add(tree.places.key(typePath), typePath, 'expected no `type` here: each source names its own');
  }
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
      'expected a destination that it is sent to; name it in the `sources` of one, or leave out `sources` in one';
    problems.add(tree.places.key(path), path, message);
  }
}
