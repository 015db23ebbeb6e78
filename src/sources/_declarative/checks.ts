import { isScalar } from 'yaml';
import type * as z from 'zod';
import { Problems, type Path, type Place } from '../../config/problems.ts';
import { checkBlock } from '../../config/schema-errors.ts';
import { readTree, type Tree, valueAt } from '../../config/tree.ts';
import { ParsedFile, parseFiles, type SourceFile } from '../../config/yaml.ts';

/** A definition that is being checked: its values, their places, and the problems found so far. */
export class Checks {
  readonly value: Readonly<Record<string, unknown>>;
  readonly #tree: Tree;
  readonly #parsed: ParsedFile;
  readonly #problems: Problems;

  private constructor(parsed: ParsedFile, problems: Problems) {
    this.#parsed = parsed;
    this.#problems = problems;
    this.#tree = readTree([parsed], undefined, problems);
    this.value = this.#tree.value;
  }

  /** @throws ConfigError when the text is no YAML. */
  static of(file: SourceFile): Checks {
    const problems = new Problems();
    const [parsed] = parseFiles([file], problems);
    problems.throwIfAny();
    return new Checks(parsed ?? new ParsedFile(file), problems);
  }

  /** Adds a problem. `offset`: the character of the text at `path` at which it is. */
  add(path: Path, message: string, offset?: number): void {
    const place = offset === undefined ? undefined : this.#inText(path, offset);
    this.#problems.add(place ?? this.#tree.places.value(path), path, message);
  }

  /** Adds a problem with a key. */
  addKey(path: Path, message: string): void {
    this.#problems.add(this.#tree.places.nearestKey(path), path, message);
  }

  /** The members of a map as they are written: an object has names like integers first. */
  inOrder<Member>(path: Path, members: Readonly<Record<string, Member>>): readonly [string, Member][] {
    const placeOf = (name: string) => this.#tree.places.key([...path, name]);
    return Object.entries(members).toSorted(([one], [other]) => {
      const [a, b] = [placeOf(one), placeOf(other)];
      return a === undefined || b === undefined ? 0 : a.line - b.line || a.column - b.column;
    });
  }

  /** @throws ConfigError with all problems */
  throwIfAny(): void {
    this.#problems.throwIfAny();
  }

  /**
   * The definition in the form of its schema. What does not fit is added to the problems and left out, so that the rest
   * can be checked as well; undefined when too little is left.
   */
  read<Schema extends z.ZodType>(schema: Schema): z.output<Schema> | undefined {
    const checked = checkBlock(schema, [], this.#tree, this.#problems);
    return checked ?? repaired(schema, structuredClone(this.value));
  }

  #inText(path: Path, offset: number): Place | undefined {
    const node = this.#parsed.target(this.#parsed.document.getIn(path, true));
    if (!isScalar(node) || typeof node.value !== 'string' || node.range == null) return undefined;
    return this.#parsed.placeIn(node.range[0], node.value, offset);
  }
}

/** So often what does not fit is left out. */
const MOST_REPAIRS = 50;

function repaired<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | undefined {
  for (let repair = 0; repair < MOST_REPAIRS; repair += 1) {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    if (!result.error.issues.every((issue) => leaveOut(value, issue))) return undefined;
  }
  return undefined;
}

/** Removes what an issue is about. False when nothing can be removed. */
function leaveOut(root: unknown, issue: z.core.$ZodIssue): boolean {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    const object = valueAt(root, path);
    return issue.keys.every(
      (key) => typeof object === 'object' && object !== null && Reflect.deleteProperty(object, key),
    );
  }
  const branch =
    issue.code === 'invalid_union'
      ? issue.errors.find((issues) => issues.length > 0 && issues.every((one) => one.path.length > 0))
      : undefined;
  if (branch !== undefined)
    return branch.every((inner) => leaveOut(root, { ...inner, path: [...path, ...inner.path] }));
  return removeAt(root, path);
}

/** Removes the value at a path, or where it is missing the nearest one that contains it. */
function removeAt(root: unknown, path: Path): boolean {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = valueAt(root, path.slice(0, length - 1));
    const step = path[length - 1] ?? '';
    if (Array.isArray(parent) && Number(step) < parent.length)
      return parent.splice(Number(step), 1).length > 0;
    if (typeof parent === 'object' && parent !== null && Object.hasOwn(parent, step))
      return Reflect.deleteProperty(parent, step);
  }
  return false;
}
