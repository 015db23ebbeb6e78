import { ConfigError } from '../core/errors.ts';
import { showPath, showPlace, type Path, type Place } from './location.ts';

interface Problem {
  readonly place: Place | undefined;
  readonly line: string;
  /** One mistake in what several sources share (an anchor, `defaults`) is one problem. */
  readonly mistake: string;
}

/** Gathers everything that is wrong with a configuration, so that the operator sees all of it at once. */
export class Problems {
  readonly #problems: Problem[] = [];

  /** `message` begins with `expected`. */
  add(place: Place | undefined, path: Path, message: string): void {
    const where = place === undefined ? '' : `${showPlace(place)} `;
    const line = `${where}${showPath(path)}: ${message}`;
    this.#problems.push({ place, line, mistake: place === undefined ? line : `${where}${message}` });
  }

  /** A problem of the environment, which has no place in a file. */
  addVariable(name: string, message: string): void {
    const line = `environment variable ${name}: ${message}`;
    this.#problems.push({ place: undefined, line, mistake: line });
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
