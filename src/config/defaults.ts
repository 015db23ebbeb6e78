import { identify, type Path } from './location.ts';
import { isRecord, membersOf, type Tree } from './tree.ts';

/** The key of `defaults` that holds options for sources of every type. */
export const EVERY_TYPE = '*';

/** A source that sets one of these takes neither from `defaults`: they exclude each other. */
const CREDENTIALS = ['token', 'token_file'];

/**
 * Adds to each source's block what `defaults` holds for its type, then what it holds for every type. A mistake in it is
 * at its own line. An option that the source sets itself stays as it is, whole.
 */
export function addDefaults(tree: Tree): void {
  const defaults = tree.value['defaults'];
  if (!isRecord(defaults)) return;
  for (const [name, block] of membersOf(tree.value['sources'])) {
    if (!isRecord(block)) continue;
    const setsCredential = CREDENTIALS.some((option) => Object.hasOwn(block, option));
    for (const type of [String(block['type']), EVERY_TYPE]) {
      if (!Object.hasOwn(defaults, type)) continue;
      for (const [option, value] of membersOf(defaults[type])) {
        if (Object.hasOwn(block, option) || (setsCredential && CREDENTIALS.includes(option))) continue;
        block[option] = structuredClone(value);
        inherit(tree, value, ['defaults', type, option], ['sources', name, option]);
      }
    }
  }
}

/** A value that was read at `from` stands at `to` as well: where it is written, and what was filled in. */
function inherit(tree: Tree, value: unknown, from: Path, to: Path): void {
  const { places, substitutions, unfilled } = tree;
  places.inherit(from, to);
  const substitution = substitutions.get(identify(from));
  if (substitution !== undefined) substitutions.set(identify(to), { ...substitution, path: to });
  if (unfilled.has(identify(from))) unfilled.add(identify(to));
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    const step = Array.isArray(value) ? Number(key) : key;
    inherit(tree, part, [...from, step], [...to, step]);
  }
}
