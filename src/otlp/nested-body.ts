import { PAIR, VALUE } from './layout.ts';
import type { ProtobufWriter } from './protobuf.ts';

/** A document: names to the contents of AnyValues, or to documents. */
type Tree = Map<string, Uint8Array | Tree>;

/**
 * Writes fields with dotted names as the content of an AnyValue that holds the nested document, without decoding their
 * values. Where a name is a field and has children too, the field is kept as `value` beside them, as the Collector's
 * Elasticsearch exporter does.
 */
export function writeNested(writer: ProtobufWriter, fields: Iterable<readonly [string, Uint8Array]>): void {
  const root: Tree = new Map();
  for (const [name, value] of fields) add(root, pathOf(name), value);
  writeTree(writer, root);
}

/** Names come again with every record. Beyond so many, such as those of a vendor's own members, all are split anew. */
const MOST_PATHS = 2_000;

const paths = new Map<string, readonly string[]>();

function pathOf(name: string): readonly string[] {
  const known = paths.get(name);
  if (known !== undefined) return known;
  if (paths.size >= MOST_PATHS) paths.clear();
  const path = name.split('.');
  paths.set(name, path);
  return path;
}

function add(root: Tree, path: readonly string[], value: Uint8Array): void {
  const last = path.length - 1;
  let tree = root;
  for (let depth = 0; depth < last; depth += 1) tree = child(tree, path[depth] ?? '');
  const leaf = path[last] ?? '';
  const there = tree.get(leaf);
  if (there instanceof Map) there.set('value', value);
  else tree.set(leaf, value);
}

function child(tree: Tree, name: string): Tree {
  const there = tree.get(name);
  if (there instanceof Map) return there;
  const made: Tree = new Map(there === undefined ? [] : [['value', there]]);
  tree.set(name, made);
  return made;
}

function writeTree(writer: ProtobufWriter, tree: Tree): void {
  writer.byte(VALUE.pairs);
  const pairs = writer.open(1);
  for (const [name, node] of tree) {
    writer.byte(VALUE.element);
    const pair = writer.open(1);
    writer.byte(PAIR.key);
    writer.text(name);
    writer.byte(PAIR.value);
    if (node instanceof Map) {
      const value = writer.open(1);
      writeTree(writer, node);
      writer.close(value, 1);
    } else {
      writer.varint(node.length);
      writer.raw(node);
    }
    writer.close(pair, 1);
  }
  writer.close(pairs, 1);
}
