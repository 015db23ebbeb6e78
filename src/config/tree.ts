import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import { type ParsedFile, MAX_VALUES } from './yaml.ts';
import { type Origin, interpolate, type Filled } from './secrets.ts';
import { type Problems, type Path, Places, identify, showPlace, type Place } from './problems.ts';

/** Sections that the files of a directory may each add entries to. */
export const UNITED = ['sources', 'destinations', 'defaults'];

/** A value that was filled in, with a way to fill it in again. */
export interface Substitution {
  readonly path: Path;
  readonly pieces: readonly string[];
  readonly fromFile: boolean;
  /** @throws Error when a file or variable is gone. */
  readonly again: () => string;
}

/** All files as one tree of plain values, with where each is written. */
export interface Tree {
  readonly value: Readonly<Record<string, unknown>>;
  readonly places: Places;
  /** By `identify(path)`. */
  readonly substitutions: Map<string, Substitution>;
  /** By `identify(path)`: values that could not be filled in, which is said already. */
  readonly unfilled: Set<string>;
}

/** Whether a value is a map, whose members can be looked at. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members of a map; none of anything else. */
export function membersOf(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : [];
}

/** The value at a path; undefined when there is none. */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, step);
    value = inside ? Reflect.get(value as object, step) : undefined;
  }
  return value;
}

/**
 * Makes one tree of the files, with `${…}` filled in, `<<` merged, and the options of `defaults` added to the sources of
 * their types. What is wrong is added to `problems`, and the rest is still read.
 */
export function readTree(files: readonly ParsedFile[], origin: Origin, problems: Problems): Tree {
  const context: ReadContext = {
    origin,
    problems,
    places: new Places(),
    substitutions: new Map(),
    unfilled: new Set(),
    count: { values: 0 },
  };
  const readers = files.map((file) => new FileReader(file, context));
  const sections = new Map<string, unknown>();
  for (const reader of readers) {
    for (const [name, section] of reader.sections()) {
      const earlier = sections.get(name);
      const united = UNITED.includes(name) && isRecord(earlier) && isRecord(section);
      sections.set(name, united ? { ...earlier, ...section } : (earlier ?? section));
    }
  }
  const tree = { value: Object.fromEntries(sections), ...context };
  addDefaults(tree);
  return tree;
}

/** What all files of a configuration are read into. */
export interface ReadContext {
  readonly origin: Origin;
  readonly problems: Problems;
  readonly places: Places;
  readonly substitutions: Map<string, Substitution>;
  readonly unfilled: Set<string>;
  /** Of all files, aliases followed. */
  readonly count: { values: number };
}

/** Deeper than any option. Each level takes a part of the stack. */
const MAX_DEPTH = 50;

/** Top-level keys that begin so hold anchors for the rest of the file, and are not read. */
const EXTENSION = /^x-/;

const NO_MERGE = 'expected a map, or a list of maps, after `<<`';

/** Turns the nodes of one file into plain values. */
export class FileReader {
  readonly #file: ParsedFile;
  readonly #context: ReadContext;
  /** The nodes that we are inside of, by which an alias to one of them is found out. */
  readonly #open = new Set<unknown>();

  constructor(file: ParsedFile, context: ReadContext) {
    this.#file = file;
    this.#context = context;
  }

  /** The top-level keys and what they hold. */
  sections(): [string, unknown][] {
    const { problems, places } = this.#context;
    const start = places.value([]) ?? this.#file.place(0);
    places.setValue([], start);
    const { contents } = this.#file.document;
    const value = contents === null ? {} : this.#read(contents, []);
    if (isRecord(value)) return Object.entries(value);
    problems.add(start, [], 'expected a map of `destinations`, `sources` and so on');
    return [];
  }

  #read(node: unknown, path: Path): unknown {
    const target = this.#file.target(node);
    const problem = this.#whyUnreadable(target);
    if (problem !== undefined) {
      this.#context.problems.add(this.#placeOf(node), path, problem);
      return undefined;
    }
    if (path.length > 0 && node !== null) this.#context.places.setValue(path, this.#placeOf(node));
    this.#open.add(target);
    const value = this.#value(target, path);
    this.#open.delete(target);
    return value;
  }

  #whyUnreadable(target: unknown): string | undefined {
    if (this.#open.has(target)) return 'expected no alias to what it is part of';
    if (this.#open.size >= MAX_DEPTH) return `expected at most ${MAX_DEPTH} levels`;
    this.#context.count.values += 1;
    const { values } = this.#context.count;
    // One error is enough; what follows is not read.
    if (values === MAX_VALUES)
      return `expected at most ${MAX_VALUES} values in all; do aliases repeat each other?`;
    return undefined;
  }

  #value(node: unknown, path: Path): unknown {
    if (this.#context.count.values >= MAX_VALUES) return undefined;
    if (isMap(node)) return this.#map(node, path);
    if (isSeq(node)) return node.items.map((item, index) => this.#read(item, [...path, index]));
    if (!isScalar(node)) return null;
    return typeof node.value === 'string' ? this.#fill(node.value, node, path) : node.value;
  }

  #map(node: YAMLMap, path: Path): Record<string, unknown> {
    const members = new Map<string, unknown>();
    for (const pair of node.items) {
      if (!isMerge(pair) && !isExtension(pair, path)) this.#entry(pair, path, members);
    }
    for (const pair of node.items.filter(isMerge)) this.#merge(pair.value, path, members);
    return Object.fromEntries(members);
  }

  /** Adds the members of `<<` that the map does not have. Of several maps, the first one that has a member gives it. */
  #merge(node: unknown, path: Path, members: Map<string, unknown>): void {
    if (this.#context.count.values >= MAX_VALUES) return;
    const target = this.#file.target(node);
    const isBase = isMap(target) || isSeq(target);
    const problem = isBase ? this.#whyUnreadable(target) : NO_MERGE;
    if (problem !== undefined || !isBase) {
      this.#context.problems.add(this.#placeOf(node), path, problem ?? NO_MERGE);
      return;
    }
    this.#open.add(target);
    if (isMap(target)) this.#mergeMap(target, path, members);
    else for (const item of target.items) this.#merge(item, path, members);
    this.#open.delete(target);
  }

  #mergeMap(base: YAMLMap, path: Path, members: Map<string, unknown>): void {
    for (const pair of base.items) {
      if (isMerge(pair)) continue;
      if (!isScalar(pair.key) || !members.has(String(pair.key.value))) this.#entry(pair, path, members);
    }
    for (const pair of base.items.filter(isMerge)) this.#merge(pair.value, path, members);
  }

  #entry(pair: Pair, parent: Path, members: Map<string, unknown>): void {
    const { problems, places } = this.#context;
    const place = this.#placeOf(pair.key);
    if (!isScalar(pair.key)) {
      problems.add(place, parent, 'expected plain keys');
      return;
    }
    const path = [...parent, String(pair.key.value)];
    const earlier = places.key(path);
    if (earlier !== undefined && !this.#mayUnite(path, earlier)) {
      problems.add(place, path, `expected it once; it is already at ${showPlace(earlier)}`);
      return;
    }
    places.setKey(path, earlier ?? place);
    members.set(String(pair.key.value), this.#read(pair.value, path));
  }

  #mayUnite(path: Path, earlier: Place): boolean {
    return path.length === 1 && UNITED.includes(String(path[0])) && earlier.file !== this.#file.file;
  }

  #fill(template: string, node: Node, path: Path): string {
    const { origin, problems, substitutions, unfilled } = this.#context;
    const filled = interpolate(template, origin);
    for (const problem of filled.problems) problems.add(this.#placeOf(node), path, problem);
    if (filled.problems.length > 0) unfilled.add(identify(path));
    if (filled.pieces.length > 0) {
      const { pieces, fromFile } = filled;
      const again = () => textOf(interpolate(template, origin));
      substitutions.set(identify(path), { path, pieces, fromFile, again });
    }
    return filled.text;
  }

  #placeOf(node: unknown): Place {
    return this.#file.place((node as Node | null)?.range?.[0] ?? 0);
  }
}

function isExtension({ key }: Pair, parent: Path): boolean {
  return parent.length === 0 && isScalar(key) && EXTENSION.test(String(key.value));
}

/** `<<` as a plain key (yaml.org/type/merge.html). */
function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function textOf({ text, problems }: Filled): string {
  if (problems.length > 0) throw new Error(problems.join('; '));
  return text;
}

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
