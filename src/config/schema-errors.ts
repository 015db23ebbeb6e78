import { parse } from 'yaml';
import * as z from 'zod';
import { maskForeign, maskFromNowOn, Secret } from '../core/secret.ts';
import { type Problems, identify, type Path, nearest } from './problems.ts';
import { valueAt, type Substitution, type Tree } from './tree.ts';

/**
 * Checks the part of the tree at `path` against its schema. Returns undefined after adding what is wrong to `problems`.
 * Secrets that were filled in from files can be read again.
 */
export function checkBlock<Schema extends z.ZodType>(
  schema: Schema,
  path: Path,
  tree: Tree,
  problems: Problems,
): z.output<Schema> | undefined {
  const block = valueAt(tree.value, path);
  const result = schema.safeParse(block);
  const checked =
    result.success || !retype(result.error.issues, path, tree) ? result : schema.safeParse(block);
  if (checked.success) {
    for (const substitution of tree.substitutions.values()) followFile(substitution, path, checked.data);
    return checked.data;
  }
  const found = findings(checked.error.issues, schema);
  for (const finding of found) report(finding, found, { path, tree, problems });
  return undefined;
}

/**
 * Filled-in values are text. Where the schema needs another type, they are read as YAML, so that `${PORT}` can be a number
 * while a token of digits stays text. Returns whether a value changed.
 */
function retype(
  issues: readonly z.core.$ZodIssue[],
  above: Path,
  { value: root, substitutions }: Tree,
): boolean {
  let changed = false;
  for (const issue of issues) {
    const path = [...above, ...(issue.path as Path)];
    const text = valueAt(root, path);
    if (!substitutions.has(identify(path)) || typeof text !== 'string') continue;
    const scalar = readScalar(text);
    const parent = valueAt(root, path.slice(0, -1));
    if (scalar === text || typeof parent !== 'object' || parent === null) continue;
    changed = Reflect.set(parent, path.at(-1) ?? '', scalar) || changed;
  }
  return changed;
}

function readScalar(text: string): unknown {
  return /^(?:true|false|null|[-+]?\d[\d.eE+-]*)$/.test(text) ? parse(text) : text;
}

function followFile({ path, pieces, fromFile, again }: Substitution, block: Path, output: unknown): void {
  const inside = block.every((step, index) => path[index] === step);
  const value = inside ? valueAt(output, path.slice(block.length)) : undefined;
  if (!(value instanceof Secret)) return;
  // A token within a longer value (`Bearer ${TOKEN}`) may appear without it, so it is masked on its own too.
  for (const piece of pieces) maskFromNowOn(piece);
  if (fromFile) value.rereadBy(again);
}

interface Context {
  /** Of the block. */
  readonly path: Path;
  readonly tree: Tree;
  readonly problems: Problems;
}

/** Reports a finding, unless it only follows from another one. */
function report(
  finding: SchemaError,
  all: readonly SchemaError[],
  { path: above, tree, problems }: Context,
): void {
  const { atKey, message } = finding;
  const path = [...above, ...finding.path];
  if (tree.unfilled.has(identify(path))) return;
  const missing = !atKey && valueAt(tree.value, path) === undefined;
  if (missing && all.some(({ meant }) => meant !== undefined && identify(meant) === identify(finding.path)))
    return;
  const place = atKey || missing ? tree.places.nearestKey(path) : tree.places.value(path);
  problems.add(place, path, missing ? `missing; ${message}` : `${message}${got(finding, path, tree)}`);
}

/** Longer values are not times, numbers or words, and are not printed. Characters. */
const LONGEST_SHOWN = 40;

/** An address that may be printed: one without user, query and fragment, which may hold secrets. */
const ADDRESS = /^(?:[a-z][a-z\d+.-]*:\/\/[\w.:[\]/-]*|[\w.-]*:\d+|\d+)$/i;

function got({ message, isShowable }: SchemaError, path: Path, tree: Tree): string {
  if (isShowable !== true || message.includes('(got ')) return '';
  const shown = gotValue(path, tree);
  const isAddress = /^expected (?:an http|HOST)/.test(message);
  return isAddress && !ADDRESS.test(shown.slice(' (got '.length, -1)) ? '' : shown;
}

/** The value at a path: ` (got 15)`; '' if it must not be printed. */
function gotValue(path: Path, tree: Tree): string {
  const shown = showable(path, tree);
  return shown === undefined ? '' : ` (got ${shown})`;
}

/** The value at a path: `` `console` `` after a blank; '' if it must not be printed. */
export function quoted(path: Path, tree: Tree): string {
  const shown = showable(path, tree);
  return shown === undefined ? '' : ` \`${shown}\``;
}

/** A value that may be printed. Filled-in text may be a secret in the wrong place, so it never is. */
function showable(path: Path, { value: root, substitutions }: Tree): string | undefined {
  if (substitutions.has(identify(path))) return undefined;
  const value = valueAt(root, path);
  if (!['string', 'number', 'boolean'].includes(typeof value)) return undefined;
  const text = String(value);
  return text === '' || text.length > LONGEST_SHOWN || maskForeign(text) !== text ? undefined : text;
}

/** How many unknown keys of one map are reported: finding similar names takes time. */
const MAX_UNKNOWN_KEYS = 100;

type Issue = z.core.$ZodIssue;

/** A problem with one value: `expected …`, `must be …`, `unknown option …`. */
export interface SchemaError {
  readonly path: Path;
  /** The key itself is wrong, not its value. */
  readonly atKey: boolean;
  readonly message: string;
  /** The value may be printed: the field is for a number, a time or one of several words, never for a secret. */
  readonly isShowable?: boolean;
  /** For an unknown key: the most similar known one. */
  readonly meant?: Path;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text (quote it if it looks like a number)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** Turns a schema's issues into messages for an operator: one for each wrong value and for each unknown key. */
export function findings(issues: readonly Issue[], schema: z.ZodType): SchemaError[] {
  const tree = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return issues.flatMap((issue) => explainIssue(issue, tree, []));
}

function explainIssue(issue: Issue, tree: JsonSchema, above: readonly PropertyKey[]): SchemaError[] {
  const path = [...above, ...issue.path] as Path;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.slice(0, MAX_UNKNOWN_KEYS).map((key) => unknownKey(key, path, tree));
  if (issue.code === 'invalid_key') {
    return [{ path, atKey: true, message: issue.issues[0]?.message ?? 'invalid key' }];
  }
  const branch = issue.code === 'invalid_union' ? rightBranch(issue.errors) : undefined;
  if (branch !== undefined) return branch.flatMap((inner) => explainIssue(inner, tree, path));
  return [{ path, atKey: false, message: messageOf(issue), isShowable: isShowable(issue) }];
}

/** The alternative of a union that has the right type, so that only something inside it is wrong. */
function rightBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) => issues.length > 0 && issues.every(({ path }) => path.length > 0));
}

function unknownKey(key: string, parent: Path, tree: JsonSchema): SchemaError {
  const known = knownKeys(tree, parent);
  const near = nearest(key, known);
  const finding = { path: [...parent, key], atKey: true, message: `unknown option \`${key}\`` };
  if (near !== undefined)
    return { ...finding, message: `${finding.message}; did you mean \`${near}\`?`, meant: [...parent, near] };
  return known.length === 0
    ? finding
    : { ...finding, message: `${finding.message}; expected ${listOf(known)}` };
}

function messageOf(issue: Issue): string {
  // Messages of our own schemas; those of the library begin with a capital.
  if (/^[^A-Z]/.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_type') return `expected ${KINDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `expected ${listOf(issue.values.map(String))}`;
  if (issue.code === 'too_small') return `must be ${bound(issue, issue.minimum, 'at least', 'more than')}`;
  if (issue.code === 'too_big') return `must be ${bound(issue, issue.maximum, 'at most', 'less than')}`;
  return `invalid value (${issue.message})`;
}

/** Messages of fields for times, sizes and addresses, whose values may be printed. */
const SHOWABLE = /^expected (a duration|a size|a schedule|an IANA|HOST:PORT|an http)/;

function isShowable(issue: Issue): boolean {
  if (SHOWABLE.test(issue.message)) return true;
  if (issue.code === 'invalid_value') return true;
  if (issue.code === 'invalid_type') return ['number', 'int', 'boolean'].includes(issue.expected);
  return (
    (issue.code === 'too_small' || issue.code === 'too_big') && /^(number|int|bigint)$/.test(issue.origin)
  );
}

interface Bound {
  readonly inclusive?: boolean | undefined;
  readonly origin: string;
}

function bound({ inclusive, origin }: Bound, limit: number | bigint, closed: string, open: string): string {
  return `${inclusive === false ? open : closed} ${limit}${unitOf(origin)}`;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

function listOf(values: readonly string[]): string {
  return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(values);
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The keys that the schema knows at a path, taken from its JSON Schema rather than the library's internals. */
function knownKeys(tree: JsonSchema, path: Path): string[] {
  let level = [tree];
  for (const step of path) level = level.flatMap((schema) => below(schema, step));
  return level.flatMap(alternatives).flatMap(namesIn);
}

function namesIn({ properties, propertyNames }: JsonSchema): string[] {
  const enumerated = typeof propertyNames === 'object' ? (propertyNames.enum ?? []) : [];
  return [...Object.keys(properties ?? {}), ...enumerated.map(String)];
}

function below(schema: JsonSchema, step: Path[number]): JsonSchema[] {
  return alternatives(schema).flatMap(({ properties, additionalProperties, items }) =>
    [properties?.[step], additionalProperties, items].filter(
      (inner) => typeof inner === 'object' && !Array.isArray(inner),
    ),
  ) as JsonSchema[];
}

function alternatives(schema: JsonSchema): JsonSchema[] {
  return [schema, ...(schema.anyOf ?? [])];
}
