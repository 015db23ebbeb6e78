import { PAIR } from './layout.ts';
import { ProtobufWriter } from './protobuf.ts';

/** One step of a walk over a document: into an object, to a field, or out of an object. */
export type Step =
  | (Named & { readonly kind: 'open' })
  | (Named & { readonly kind: 'field'; readonly index: number })
  | { readonly kind: 'close' };

/** What stands before the value of a member. */
interface Named {
  /** In protobuf: the key of a KeyValue with tag and length, and the tag of its value. */
  readonly key: Uint8Array;
  /** In JSON: the name and a colon. */
  readonly json: string;
}

/** A document by the names in it: objects, and fields by their index. */
type Tree = Map<string, number | Tree>;

/** Beyond so many sets of fields, such as those of a vendor's own members, all are prepared anew. */
const MOST_PREPARED = 1_000;

/**
 * Walks over the documents that fields with dotted names are nested to. Records nearly always have the same fields as
 * others before them, so the walk of each set of fields is prepared once.
 */
export class Nesting {
  readonly #prepared = new Map<string, readonly Step[]>();
  #last: { readonly names: readonly string[]; readonly steps: readonly Step[] } | undefined;

  /**
   * The walk over a document with these fields; `index` is that of the name. Where a name is a field and has children too,
   * the field is `value` beside them, as the Collector's Elasticsearch exporter has it.
   */
  of(names: readonly string[]): readonly Step[] {
    if (this.#last === undefined || !isSame(names, this.#last.names)) {
      this.#last = { names, steps: this.#prepare(names) };
    }
    return this.#last.steps;
  }

  #prepare(names: readonly string[]): readonly Step[] {
    const key = JSON.stringify(names);
    const known = this.#prepared.get(key);
    if (known !== undefined) return known;
    if (this.#prepared.size >= MOST_PREPARED) this.#prepared.clear();
    const steps = stepsOf(treeOf(names));
    this.#prepared.set(key, steps);
    return steps;
  }
}

function isSame(names: readonly string[], others: readonly string[]): boolean {
  return names.length === others.length && names.every((name, index) => name === others[index]);
}

function treeOf(names: readonly string[]): Tree {
  const root: Tree = new Map();
  names.forEach((name, index) => {
    const path = name.split('.');
    const leaf = path.pop() ?? name;
    const tree = path.reduce(childOf, root);
    const there = tree.get(leaf);
    if (there instanceof Map) there.set('value', index);
    else tree.set(leaf, index);
  });
  return root;
}

function childOf(tree: Tree, name: string): Tree {
  const there = tree.get(name);
  if (there instanceof Map) return there;
  const made: Tree = new Map(there === undefined ? [] : [['value', there]]);
  tree.set(name, made);
  return made;
}

function stepsOf(tree: Tree): Step[] {
  return [...tree].flatMap(([name, node]): Step[] => {
    const named = { key: keyOf(name), json: `${JSON.stringify(name)}:` };
    if (!(node instanceof Map)) return [{ ...named, kind: 'field', index: node }];
    return [{ ...named, kind: 'open' }, ...stepsOf(node), { kind: 'close' }];
  });
}

const writer = new ProtobufWriter();

function keyOf(name: string): Uint8Array {
  // Nothing is left of a key before it that failed: names may be nested deeper than the stack allows.
  writer.length = 0;
  writer.byte(PAIR.key);
  writer.text(name);
  writer.byte(PAIR.value);
  return writer.take();
}
