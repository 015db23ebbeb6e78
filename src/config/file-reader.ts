import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import { interpolate, type Filled, type Origin } from './interpolate.ts';
import { identify, showPlace, type Path, type Place, type Places } from './location.ts';
import type { ParsedFile } from './parse-files.ts';
import type { Problems } from './problems.ts';
import { isRecord, UNITED, type Substitution } from './tree.ts';
import { MAX_VALUES } from './yaml-limits.ts';

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
