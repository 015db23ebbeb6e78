import { ConfigError } from '../core/errors.ts';

interface Problem {
  readonly place: Place | undefined;
  readonly line: string;
  /** Identifies a mistake in what several sources share (an anchor, `defaults`), to report it once. */
  readonly mistake: string;
}

/** Collects all problems of a configuration, so that the operator sees them at once. */
export class Problems {
  readonly #problems: Problem[] = [];

  /** Adds a problem with the value at `path`. `message` says what is wrong, with the value it got, and what is expected. */
  add(place: Place | undefined, path: Path, message: string): void {
    const where = place === undefined ? '' : `${showPlace(place)} `;
    const line = `${where}${showPath(path)}: ${message}`;
    this.#problems.push({ place, line, mistake: place === undefined ? line : `${where}${message}` });
  }

  /** Adds a problem of an environment variable, which has no place in a file. */
  addVariable(name: string, message: string): void {
    const line = `environment variable ${name}: ${message}`;
    this.#problems.push({ place: undefined, line, mistake: line });
  }

  /** Adds the problems of another file, which have their places in them. */
  include({ problems }: ConfigError): void {
    for (const line of problems) this.#problems.push({ place: undefined, line, mistake: line });
  }

  /** @throws ConfigError one line a problem, in the order of the files; those without a place last. */
  throwIfAny(): void {
    if (this.#problems.length === 0) return;
    const first = new Map<string, string>();
    for (const { mistake, line } of this.#problems.toSorted(byPlace)) {
      if (!first.has(mistake)) first.set(mistake, line);
    }
    throw new ConfigError([...first.values()]);
  }
}

function byPlace({ place: a }: Problem, { place: b }: Problem): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return Number(a.file > b.file) - Number(a.file < b.file) || a.line - b.line || a.column - b.column;
}

/** Keys and indexes from the top of the configuration to a value. */
export type Path = readonly (string | number)[];

/** A place in a file; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `sources.console.quota.per`, `destinations.siem.sources[0]`. */
export function showPath(path: Path): string {
  if (path.length === 0) return 'configuration';
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
}

/** `file:line:column`. */
export function showPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** The places of all keys and values of the configuration. */
export class Places {
  readonly #keys = new Map<string, Place>();
  readonly #values = new Map<string, Place>();

  setKey(path: Path, place: Place): void {
    this.#keys.set(identify(path), place);
  }

  setValue(path: Path, place: Place): void {
    this.#values.set(identify(path), place);
  }

  /** Gives the value at `to` the place of that at `from`. */
  inherit(from: Path, to: Path): void {
    const [key, value] = [this.key(from), this.#values.get(identify(from))];
    if (key !== undefined) this.setKey(to, key);
    if (value !== undefined) this.setValue(to, value);
  }

  /** The place of a key; undefined if it is absent. */
  key(path: Path): Place | undefined {
    return this.#keys.get(identify(path));
  }

  /** The place of a value; if it is absent, that of the nearest enclosing key. */
  value(path: Path): Place | undefined {
    return this.#values.get(identify(path)) ?? this.nearestKey(path);
  }

  /** The place of the key, or of the nearest enclosing one that is present. */
  nearestKey(path: Path): Place | undefined {
    for (let length = path.length; length > 0; length -= 1) {
      const place = this.key(path.slice(0, length));
      if (place !== undefined) return place;
    }
    return this.#values.get(identify([]));
  }
}

/** A string that is the same for equal paths only. */
export function identify(path: Path): string {
  return JSON.stringify(path.map(String));
}

/** Shorter names begin too many others. */
const SHORTEST_BEGINNING = 3;

/** The candidate that `name` probably stands for: one that begins with it, or is at least half the same. Else undefined. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: distance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => 2 * edits <= Math.max(name.length, candidate.length))
    .toSorted((a, b) => a.edits - b.edits);
  const begun = candidates.find((candidate) => candidate.toLowerCase().startsWith(wanted));
  return ranked[0]?.candidate ?? (name.length < SHORTEST_BEGINNING ? undefined : begun);
}

/** `; did you mean x?`, or nothing when no candidate is similar. */
export function didYouMean(name: string, candidates: readonly string[], quote = ''): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : `; did you mean ${quote}${near}${quote}?`;
}

/** Levenshtein distance: insertions, deletions and replacements between two short texts. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, character] of Array.from(from).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(to).entries()) {
      const replaced = (row[j] ?? 0) + Number(character !== other);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
