import { dirname } from 'node:path';
import { ConfigError, explain } from '../core/errors.ts';
import type { Source } from '../core/source.ts';
import { identify, type Problems } from './problems.ts';
import type { Tree } from './tree.ts';
import type { LoadableTypes } from './types.ts';

/** A source type that `types` names: a folder, a file or a package. */
export interface NamedType {
  /** As the configuration has it. */
  readonly name: string;
  /** The folder of the file that names it, as messages show it: paths are relative to it, packages are looked for from it. */
  readonly folder: string;
  /** To which `folder` is relative. */
  readonly cwd: string;
}

/**
 * Loads what an entry of `types` names.
 * @throws ConfigError with the mistakes of a definition, with their places; or an Error with what is wrong, and what to do
 */
export type LoadType = (type: NamedType) => Promise<Source>;

/** The source types of `types`. */
export interface OutsideTypes {
  /** By id, in order: the source, and the entry that named it. */
  readonly types: ReadonlyMap<string, { readonly source: Source; readonly from: string }>;
  /** False: one could not be loaded, which was reported, so that an id which is not known may be its id. */
  readonly complete: boolean;
}

interface Loading {
  /** The shipped types, whose ids are taken. */
  readonly types: LoadableTypes;
  readonly loadType: LoadType;
  readonly cwd: string;
}

const ID = /^[a-z0-9][a-z0-9-]*$/;

/** Loads every type that the configuration names, and adds what is wrong with any to `problems`. */
export async function loadOutsideTypes(
  tree: Tree,
  { types: shipped, loadType, cwd }: Loading,
  problems: Problems,
): Promise<OutsideTypes> {
  const types = new Map<string, { readonly source: Source; readonly from: string }>();
  const names: readonly unknown[] = Array.isArray(tree.value['types']) ? tree.value['types'] : [];
  for (const [index, name] of names.entries()) {
    const path = ['types', index];
    // What is no text is reported with the other settings.
    if (typeof name !== 'string' || name === '' || tree.unfilled.has(identify(path))) continue;
    const place = tree.places.value(path);
    // A text that was filled in may be a secret in the wrong place.
    const shown = (text: string) =>
      tree.substitutions.has(identify(path)) ? text.replaceAll(name, () => '${…}') : text;
    try {
      const source = await loadType({ name, folder: dirname(place?.file ?? ''), cwd });
      const earlier = types.get(source.id)?.from;
      const problem = whyNotTaken(source.id, { isShipped: shipped.has(source.id), earlier });
      if (problem === undefined) types.set(source.id, { source, from: name });
      else problems.add(place, path, shown(`${name} ${problem}`));
    } catch (error) {
      if (error instanceof ConfigError) problems.include(error);
      else problems.add(place, path, shown(explain(error).replaceAll(/\s+/g, ' ')));
    }
  }
  return { types, complete: types.size === names.length };
}

function whyNotTaken(
  id: string,
  { isShipped, earlier }: { readonly isShipped: boolean; readonly earlier: string | undefined },
): string | undefined {
  if (!ID.test(id))
    return `has the id \`${id}\`; expected lower-case letters, digits and dashes, such as acme-audit`;
  if (isShipped) return `has the id \`${id}\`, which a built-in source type has; give it another id`;
  if (earlier === undefined) return undefined;
  return `has the id \`${id}\`, which ${earlier} has as well; remove one of them from \`types\`, or give it another id`;
}
