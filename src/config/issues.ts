import { z } from 'zod';
import type { Path } from './location.ts';
import { nearest } from './nearest.ts';

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
