import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import { type ParsedFile, MAX_VALUES } from './yaml.ts';
import { type Origin, interpolate, type Filled } from './secrets.ts';
import { type Problems, type Path, Places, identify, showPlace, type Place } from './problems.ts';

/** Sections that may be spread over the files of a directory. */
const MERGED_SECTIONS = ['sources', 'destinations', 'defaults'];

/** A value with references filled in, and how to fill them in again. */
export interface Substitution {
  readonly path: Path;
  readonly pieces: readonly string[];
  readonly fromFile: boolean;
  /** @throws Error when a file or variable is gone. */
  readonly again: () => string;
}

/** All files as one tree of plain values, with the place of each. */
export interface Tree {
  readonly value: Readonly<Record<string, unknown>>;
  readonly places: Places;
  /** By `identify(path)`. */
  readonly substitutions: Map<string, Substitution>;
  /** By `identify(path)`: values that could not be filled in, which was reported already. */
  readonly unfilled: Set<string>;
}

/** Whether a value is a map. */
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
 * their types. Problems are added to `problems`, and the rest is still read. Without an `origin` nothing is filled in: a
 * definition of a source reads neither files nor the environment.
 */
export function readTree(files: readonly ParsedFile[], origin: Origin | undefined, problems: Problems): Tree {
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
      const united = MERGED_SECTIONS.includes(name) && isRecord(earlier) && isRecord(section);
      sections.set(name, united ? { ...earlier, ...section } : (earlier ?? section));
    }
  }
  const tree = { value: Object.fromEntries(sections), ...context };
  addDefaults(tree);
  return tree;
}

/** What all files of a configuration are read into. */
export interface ReadContext {
  /** Undefined: `${…}` stays as it is written. */
  readonly origin: Origin | undefined;
  readonly problems: Problems;
  readonly places: Places;
  readonly substitutions: Map<string, Substitution>;
  readonly unfilled: Set<string>;
  /** Of all files, aliases followed. */
  readonly count: { values: number };
}

/** Deeper than any option. Each level uses stack. */
const MAX_DEPTH = 50;

/** Top-level keys that begin so hold anchors for the rest of the file, and are not read. */
const EXTENSION = /^x-/;

const NO_MERGE = 'expected a map, or a list of maps, after `<<`';

/** Turns the nodes of one file into plain values. */
export class FileReader {
  readonly #file: ParsedFile;
  readonly #context: ReadContext;
  /** The nodes being read, to detect an alias to one of them. */
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
    if (this.#open.has(target)) return 'an alias must not point to something that contains it';
    if (this.#open.size >= MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels`;
    this.#context.count.values += 1;
    const { values } = this.#context.count;
    // Only the first value beyond the limit is reported.
    if (values === MAX_VALUES)
      return `more than ${MAX_VALUES} values in all files; check for aliases that repeat each other`;
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
      if (!isMerge(pair) && !(this.#context.origin !== undefined && isExtension(pair, path)))
        this.#entry(pair, path, members);
    }
    for (const pair of node.items.filter(isMerge)) this.#merge(pair.value, path, members);
    return Object.fromEntries(members);
  }

  /** Adds the members of `<<` that the map does not have itself. Of several maps, the first one wins. */
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
      problems.add(place, parent, 'keys must be plain text');
      return;
    }
    const path = [...parent, String(pair.key.value)];
    const earlier = places.key(path);
    if (earlier !== undefined && !this.#mayUnite(path, earlier)) {
      problems.add(place, path, `duplicate key; it is already set at ${showPlace(earlier)}`);
      return;
    }
    places.setKey(path, earlier ?? place);
    members.set(String(pair.key.value), this.#read(pair.value, path));
  }

  #mayUnite(path: Path, earlier: Place): boolean {
    return path.length === 1 && MERGED_SECTIONS.includes(String(path[0])) && earlier.file !== this.#file.file;
  }

  #fill(template: string, node: Node, path: Path): string {
    const { origin, problems, substitutions, unfilled } = this.#context;
    if (origin === undefined) return template;
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

/** A source that sets one of these gets neither from `defaults`, because they exclude each other. */
const CREDENTIALS = ['token', 'token_file'];

/**
 * Adds to each source's block what `defaults` holds for its type, then what it holds for every type. Problems with it
 * are reported at its own line. An option that the source sets itself is not merged.
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

/** Copies what is known of the value at `from` (its place, its references) to `to`. */
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
