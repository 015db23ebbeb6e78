import { parse } from 'yaml';
import { z } from 'zod';
import { maskForeign, maskFromNowOn, Secret } from '../core/secret.ts';
import { type Problems, identify, type Path, nearest } from './problems.ts';
import { valueAt, type Substitution, type Tree } from './tree.ts';

/**
 * Checks the part of the tree at `path` against its schema; undefined when something is wrong, which is then in
 * `problems`. Secrets that were filled in from files can be read again.
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
 * What was filled in is text. Where text does not do, it is read as YAML would read it, so that `${PORT}` can be a
 * number, and a token of digits stays a token. True when a value changed.
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
  // A token may stand within a longer value (`Bearer ${TOKEN}`) and surface without it: it is to be masked alone, too.
  for (const piece of pieces) maskFromNowOn(piece);
  if (fromFile) value.rereadBy(again);
}

interface Context {
  /** Of the block. */
  readonly path: Path;
  readonly tree: Tree;
  readonly problems: Problems;
}

/** One mistake is one problem: what only follows from another finding is left out. */
function report(finding: Finding, all: readonly Finding[], { path: above, tree, problems }: Context): void {
  const { atKey, message } = finding;
  const path = [...above, ...finding.path];
  if (tree.unfilled.has(identify(path))) return;
  const missing = !atKey && valueAt(tree.value, path) === undefined;
  if (missing && all.some(({ meant }) => meant !== undefined && identify(meant) === identify(finding.path)))
    return;
  const place = atKey || missing ? tree.places.nearestKey(path) : tree.places.value(path);
  problems.add(place, path, missing ? `${message}; it is missing` : `${message}${got(finding, path, tree)}`);
}

/** Longer values are no times, numbers or words. */
const LONGEST_SHOWN = 40;

/** Of what should be an address: one without a user, a query or a fragment, where secrets are. */
const ADDRESS = /^(?:[a-z][a-z\d+.-]*:\/\/[\w.:[\]/-]*|[\w.-]*:\d+|\d+)$/i;

function got({ message, isShowable }: Finding, path: Path, tree: Tree): string {
  if (isShowable !== true || message.includes('(got ')) return '';
  const shown = gotValue(path, tree);
  const isAddress = /^expected (?:an http|HOST)/.test(message);
  return isAddress && !ADDRESS.test(shown.slice(' (got '.length, -1)) ? '' : shown;
}

/** The value that was got: ` (got 15)`. What was filled in may be a secret in the wrong place, and is not shown. */
export function gotValue(path: Path, { value: root, substitutions }: Tree): string {
  if (substitutions.has(identify(path))) return '';
  const value = valueAt(root, path);
  if (!['string', 'number', 'boolean'].includes(typeof value)) return '';
  const text = String(value);
  return text === '' || text.length > LONGEST_SHOWN || maskForeign(text) !== text ? '' : ` (got ${text})`;
}

/** Of one map. More are not the misspellings of a person, and to find the nearest name of each takes time. */
const MOST_KEYS = 100;

type Issue = z.core.$ZodIssue;

/** What is wrong with one value: `expected …`, `must be …`, `unknown option …`. */
export interface Finding {
  readonly path: Path;
  /** The key itself is wrong, not its value. */
  readonly atKey: boolean;
  readonly message: string;
  /** The value that was got may be shown: the field is for a number, a time or one of several words, never for a secret. */
  readonly isShowable?: boolean;
  /** Of an unknown key: the known one that it is nearest to. */
  readonly meant?: Path;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text (quote it when it looks like a number)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** What a schema's issues say to an operator: one finding for each wrong value and for each unknown key. */
export function findings(issues: readonly Issue[], schema: z.ZodType): Finding[] {
  const tree = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return issues.flatMap((issue) => explainIssue(issue, tree, []));
}

function explainIssue(issue: Issue, tree: JsonSchema, above: readonly PropertyKey[]): Finding[] {
  const path = [...above, ...issue.path] as Path;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.slice(0, MOST_KEYS).map((key) => unknownKey(key, path, tree));
  if (issue.code === 'invalid_key') {
    return [{ path, atKey: true, message: issue.issues[0]?.message ?? 'expected another key' }];
  }
  const branch = issue.code === 'invalid_union' ? rightBranch(issue.errors) : undefined;
  if (branch !== undefined) return branch.flatMap((inner) => explainIssue(inner, tree, path));
  return [{ path, atKey: false, message: messageOf(issue), isShowable: isShowable(issue) }];
}

/** The alternative whose own kind was met, so that only something inside it is wrong. */
function rightBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find((issues) => issues.length > 0 && issues.every(({ path }) => path.length > 0));
}

function unknownKey(key: string, parent: Path, tree: JsonSchema): Finding {
  const known = knownKeys(tree, parent);
  const near = nearest(key, known);
  const finding = { path: [...parent, key], atKey: true, message: `unknown option \`${key}\`` };
  if (near === undefined) return finding;
  return { ...finding, message: `${finding.message}; did you mean \`${near}\`?`, meant: [...parent, near] };
}

function messageOf(issue: Issue): string {
  if (/^(expected|must be) /.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_type') return `expected ${KINDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `expected ${listOf(issue.values.map(String))}`;
  if (issue.code === 'too_small') return `must be ${bound(issue, issue.minimum, 'at least', 'more than')}`;
  if (issue.code === 'too_big') return `must be ${bound(issue, issue.maximum, 'at most', 'less than')}`;
  return `expected another value (${issue.message})`;
}

/** Messages of fields whose values are times, sizes, addresses and the like. */
const SHOWABLE = /^expected (a duration|a size|`every|an IANA|HOST:PORT|an http)/;

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

/** The keys that the schema knows at a path; the JSON Schema says it without a look inside the library's own types. */
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
