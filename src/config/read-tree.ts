import { isAlias, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { interpolate, type Filled, type Origin } from './interpolate.ts';
import { identify, Places, showPlace, type Path, type Place } from './location.ts';
import type { ParsedFile } from './parse-files.ts';
import type { Problems } from './problems.ts';
import { isRecord, type Substitution, type Tree } from './tree.ts';

/** Sections that the files of a directory may each add entries to. */
const UNITED = ['sources', 'destinations'];

/**
 * Makes one tree of the files, with `${…}` filled in. What is wrong is added to `problems`, and the rest is still read.
 */
export function readTree(files: readonly ParsedFile[], origin: Origin, problems: Problems): Tree {
  const places = new Places();
  const substitutions = new Map<string, Substitution>();
  const unfilled = new Set<string>();
  const sections = new Map<string, unknown>();
  for (const file of files) {
    const reader = new FileReader(file, { origin, problems, places, substitutions, unfilled });
    for (const [name, section] of reader.sections()) {
      const earlier = sections.get(name);
      const united = UNITED.includes(name) && isRecord(earlier) && isRecord(section);
      sections.set(name, united ? { ...earlier, ...section } : (earlier ?? section));
    }
  }
  return { value: Object.fromEntries(sections), places, substitutions, unfilled };
}

interface Context {
  readonly origin: Origin;
  readonly problems: Problems;
  readonly places: Places;
  readonly substitutions: Map<string, Substitution>;
  readonly unfilled: Set<string>;
}

/** Turns the nodes of one file into plain values. */
class FileReader {
  readonly #file: ParsedFile;
  readonly #context: Context;
  /** The nodes that we are inside of, by which an alias to one of them is found out. */
  readonly #open = new Set<unknown>();

  constructor(file: ParsedFile, context: Context) {
    this.#file = file;
    this.#context = context;
  }

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
    const target = isAlias(node) ? node.resolve(this.#file.document) : node;
    if (this.#open.has(target)) {
      this.#context.problems.add(this.#placeOf(node), path, 'expected no alias to what it is part of');
      return undefined;
    }
    if (path.length > 0 && node !== null) this.#context.places.setValue(path, this.#placeOf(node));
    this.#open.add(target);
    const value = this.#value(target, path);
    this.#open.delete(target);
    return value;
  }

  #value(node: unknown, path: Path): unknown {
    if (isMap(node)) return Object.fromEntries(node.items.flatMap((pair) => this.#entry(pair, path)));
    if (isSeq(node)) return node.items.map((item, index) => this.#read(item, [...path, index]));
    if (!isScalar(node)) return null;
    return typeof node.value === 'string' ? this.#fill(node.value, node, path) : node.value;
  }

  #entry(pair: Pair, parent: Path): [string, unknown][] {
    const { problems, places } = this.#context;
    const place = this.#placeOf(pair.key);
    if (!isScalar(pair.key)) {
      problems.add(place, parent, 'expected plain keys');
      return [];
    }
    const path = [...parent, String(pair.key.value)];
    const earlier = places.key(path);
    if (earlier !== undefined && !this.#mayUnite(path, earlier)) {
      problems.add(place, path, `expected it once; it is already at ${showPlace(earlier)}`);
      return [];
    }
    places.setKey(path, earlier ?? place);
    return [[String(pair.key.value), this.#read(pair.value, path)]];
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

function textOf({ text, problems }: Filled): string {
  if (problems.length > 0) throw new Error(problems.join('; '));
  return text;
}
