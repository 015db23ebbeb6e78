import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import { interpolate, type Filled, type Origin } from './interpolate.ts';
import { identify, Places, showPlace, type Path, type Place } from './location.ts';
import type { Problems } from './problems.ts';

/** A YAML file as it was read. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

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
}

/** Sections that the files of a directory may each add entries to. */
const UNITED = ['sources', 'destinations'];

/** Parses the files and makes one tree of them. What is wrong is added to `problems`, and the rest is still read. */
export function readTree(files: readonly SourceFile[], origin: Origin, problems: Problems): Tree {
  const places = new Places();
  const substitutions = new Map<string, Substitution>();
  const sections = new Map<string, unknown>();
  for (const file of files) {
    const reader = new FileReader(file, { origin, problems, places, substitutions });
    for (const [name, section] of reader.sections()) {
      const earlier = sections.get(name);
      const united = UNITED.includes(name) && isRecord(earlier) && isRecord(section);
      sections.set(name, united ? { ...earlier, ...section } : (earlier ?? section));
    }
  }
  return { value: Object.fromEntries(sections), places, substitutions };
}

interface Context {
  readonly origin: Origin;
  readonly problems: Problems;
  readonly places: Places;
  readonly substitutions: Map<string, Substitution>;
}

/** Turns the nodes of one file into plain values. */
class FileReader {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;
  readonly #context: Context;
  /** The nodes that we are inside of, by which an alias to one of them is found out. */
  readonly #open = new Set<unknown>();

  constructor({ file, text }: SourceFile, context: Context) {
    this.#file = file;
    this.#context = context;
    // Keys that come twice are found here, not by the parser, to name both places.
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: false,
    });
  }

  sections(): [string, unknown][] {
    const { problems, places } = this.#context;
    const start = places.value([]) ?? this.#place(0);
    places.setValue([], start);
    const faults = [...this.#document.errors, ...this.#document.warnings];
    for (const { pos, message } of faults) problems.add(this.#place(pos[0]), [], `expected YAML: ${message}`);
    // What a parser makes of the rest of a broken file would only add errors that are none.
    if (faults.length > 0 || this.#document.contents === null) return [];
    const value = this.#read(this.#document.contents, []);
    if (isRecord(value)) return Object.entries(value);
    problems.add(start, [], 'expected a map of `destinations`, `sources` and so on');
    return [];
  }

  #read(node: unknown, path: Path): unknown {
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    if (this.#open.has(target)) {
      this.#context.problems.add(this.#placeOf(node), path, 'expected no alias to what it is part of');
      return undefined;
    }
    if (path.length > 0) this.#context.places.setValue(path, this.#placeOf(node));
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
    return path.length === 1 && UNITED.includes(String(path[0])) && earlier.file !== this.#file;
  }

  #fill(template: string, node: Node, path: Path): string {
    const { origin, problems, substitutions } = this.#context;
    const filled = interpolate(template, origin);
    for (const problem of filled.problems) problems.add(this.#placeOf(node), path, problem);
    if (filled.pieces.length > 0) {
      const { pieces, fromFile } = filled;
      const again = () => textOf(interpolate(template, origin));
      substitutions.set(identify(path), { path, pieces, fromFile, again });
    }
    return filled.text;
  }

  #placeOf(node: unknown): Place {
    return this.#place((node as Node | null)?.range?.[0] ?? 0);
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

function textOf({ text, problems }: Filled): string {
  if (problems.length > 0) throw new Error(problems.join('; '));
  return text;
}

/** Whether a value is a map, whose members can be looked at. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
