import type { Path, Places } from './location.ts';

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
