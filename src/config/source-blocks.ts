import type { CommonOptions, Source } from '../core/source.ts';
import { checkBlock, gotValue } from './block.ts';
import { isRecord, membersOf, type Tree } from './tree.ts';
import { identify } from './location.ts';
import { nearest } from './nearest.ts';
import type { Problems } from './problems.ts';
import type { SourceConfig } from './types.ts';

/** The source types that a configuration may name, by id. */
export type SourceTypes = ReadonlyMap<string, Source>;

/** Checks each source against the options of its type. What is wrong is in `problems`, and left out here. */
export function readSources(tree: Tree, types: SourceTypes, problems: Problems): SourceConfig[] {
  return membersOf(tree.value['sources']).flatMap(([name, block]) => {
    const definition = isRecord(block) ? typeOf(block, name, { tree, types, problems }) : undefined;
    if (definition === undefined) return [];
    const options = checkBlock(definition.options, ['sources', name], tree, problems);
    return options === undefined ? [] : [{ name, definition, options, namespace: namespaceOf(options) }];
  });
}

interface Context {
  readonly tree: Tree;
  readonly types: SourceTypes;
  readonly problems: Problems;
}

function typeOf(
  block: Record<string, unknown>,
  name: string,
  { tree, types, problems }: Context,
): Source | undefined {
  const type = block['type'];
  const definition = typeof type === 'string' ? types.get(type) : undefined;
  if (definition !== undefined) return definition;
  const path = ['sources', name, 'type'];
  if (tree.unfilled.has(identify(path))) return undefined;
  const ids = [...types.keys()].toSorted();
  const near =
    typeof type === 'string'
      ? `${gotValue(path, tree)}; did you mean \`${nearest(type, ids)}\`?`
      : '; it is missing';
  problems.add(tree.places.value(path), path, `expected one of ${ids.join(', ')}${near}`);
  return undefined;
}

function namespaceOf(options: CommonOptions & { readonly namespace?: unknown }): string | undefined {
  return typeof options.namespace === 'string' ? options.namespace : undefined;
}
