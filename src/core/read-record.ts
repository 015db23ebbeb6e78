import { hash } from 'node:crypto';
import type { Extent } from './json-scan.ts';
import type { z } from 'zod';

/** What a record is by its schema. */
export type RecordReading<Data> =
  /** `leftOut`: what did not fit and could be left out, in words; undefined when all of the record fits. */
  | { readonly data: Data; readonly leftOut: string | undefined }
  /** The record is malformed: something that it needs is missing or does not fit. */
  | { readonly problem: string };

/** A refinement of a value that must not be left out although its schema takes a record without it. */
export const NEEDED = { params: { needed: true } } as const;

/** Names of fields in one message; more are counted. */
const MOST_NAMED = 10;

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/**
 * Reads a record by its schema. A value that does not fit is left out, and the record read without it, unless the
 * schema needs it: one odd optional value must not hide what the rest of the record says. Changes nothing of `record`.
 */
export function readRecord<Schema extends z.ZodType>(
  schema: Schema,
  record: unknown,
): RecordReading<z.output<Schema>> {
  let result = schema.safeParse(record);
  if (result.success) return { data: result.data, leftOut: undefined };
  const problem = inWords(result.error.issues);
  const issues: Issue[] = [];
  for (let rest = record; !result.success; result = schema.safeParse(rest)) {
    const odd = oddPaths(result.error.issues, rest);
    if (odd === undefined) return { problem };
    issues.push(...result.error.issues);
    rest = without(rest, odd);
  }
  return { data: result.data, leftOut: inWords(issues) };
}

/** What to leave out for these issues; undefined when the record cannot do without it. */
function oddPaths(issues: readonly Issue[], record: unknown): readonly Path[] | undefined {
  const paths = issues.map(({ path }) => (holds(record, path) ? path : path.slice(0, -1)));
  const needed = issues.some((issue) => issue.code === 'custom' && issue.params?.['needed'] === true);
  return needed || paths.some((path) => path.length === 0) ? undefined : paths;
}

/** False for a value that is missing: what needs it is at fault. */
function holds(record: unknown, path: Path): boolean {
  let value = record;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step];
  return value !== undefined;
}

/** A copy without the values at these paths. */
function without(value: unknown, paths: readonly Path[]): unknown {
  const below = Map.groupBy(paths, ([step]) => step);
  const isOdd = (step: PropertyKey) => below.get(step)?.some((path) => path.length === 1) === true;
  const rest = (step: PropertyKey, member: unknown) => {
    const deeper = below.get(step)?.map((path) => path.slice(1));
    return deeper === undefined ? member : without(member, deeper);
  };
  if (Array.isArray(value))
    return value.flatMap((member, index) => (isOdd(index) ? [] : [rest(index, member)]));
  const members = Object.entries(value as object).filter(([name]) => !isOdd(name));
  return Object.fromEntries(members.map(([name, member]) => [name, rest(name, member)]));
}

function inWords(issues: readonly Issue[]): string {
  const named = issues.slice(0, MOST_NAMED).map(({ path, message }) => {
    const name = nameOf(path);
    return name === '' ? message : `${name}: ${message}`;
  });
  const more = issues.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** The vendor's name of a field: where a source puts a record in a frame, the vendor's part of it is its `row`. */
function nameOf(path: Path): string {
  const own = path[0] === 'row' && path.length > 1 ? path.slice(1) : path;
  return own.map(String).join('.');
}

/**
 * What a record may be, so that one can be made, compared, hashed, encoded and sent within the memory of a small
 * container. Deeper ones overflow the stack, and receivers refuse them as well (protobuf at 100 levels).
 */
export const LIMITS = { bytes: 4_194_304, depth: 100, values: 200_000 } as const;

/** What is kept of a record that is too large. Bytes. */
const HEAD = 65_536;

/** A record that no value is made of, since it is too large or too deep: it becomes a `pipeline_error`. */
export class Unreadable {
  /** As the vendor wrote it; the first 64 KiB of one that is too large. */
  readonly text: string;
  /** What is wrong with it, in words. */
  readonly problem: string;
  readonly #digest: string;

  /** `bytes`: the whole record. */
  constructor(bytes: Uint8Array, extent: Extent) {
    const large = bytes.length > LIMITS.bytes || extent.values > LIMITS.values;
    this.text = beginning(bytes, large ? HEAD : bytes.length);
    this.problem = large
      ? `the record is too large: ${bytes.length} bytes with ${extent.values} values, and at most ${LIMITS.bytes} bytes with ${LIMITS.values} values are handled; event.original holds its beginning`
      : `the record is nested ${extent.depth} levels deep, and at most ${LIMITS.depth} are handled`;
    this.#digest = hash('sha256', bytes);
  }

  /** What stands for it where records are compared and hashed: the same for the same bytes. */
  toJSON(): unknown {
    return { unreadable: this.#digest };
  }
}

/** Whether a value may be made of it. */
export function isReadable({ from, to, depth, values }: Extent): boolean {
  return to - from <= LIMITS.bytes && depth <= LIMITS.depth && values <= LIMITS.values;
}

/** Without the half of a character that is cut. */
function beginning(bytes: Uint8Array, length: number): string {
  return new TextDecoder().decode(bytes.subarray(0, length), { stream: length < bytes.length });
}
