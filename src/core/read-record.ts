import { hash } from 'node:crypto';
import type { Extent } from './json.ts';
import type * as z from 'zod';

/** What reading a record by its schema gives. */
export type RecordReading<Data> =
  /** `leftOut`: the values that do not fit and were left out, in words; undefined when the whole record fits. */
  | { readonly data: Data; readonly leftOut: undefined }
  | { readonly data: Data; readonly leftOut: string; readonly leftOutCount: number }
  /** The record is malformed: a required value is missing or does not fit. */
  | { readonly problem: string };

/** For a refinement of an optional value that must fit when it is there. */
export const NEEDED = { params: { needed: true } } as const;

/** At most this many fields are named in one message; the others are counted. */
const MOST_NAMED = 10;

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/**
 * Reads a record by its schema. A value that does not fit is left out unless the schema requires it, because one invalid
 * optional value must not hide the rest of the record. Does not change `record`.
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
    const unfit = unfitPaths(result.error.issues, rest);
    if (unfit === undefined) return { problem };
    issues.push(...result.error.issues);
    rest = without(rest, unfit);
  }
  return { data: result.data, leftOut: inWords(issues), leftOutCount: issues.length };
}

/** What to leave out because of these issues; undefined when the record requires one of these values. */
function unfitPaths(issues: readonly Issue[], record: unknown): readonly Path[] | undefined {
  const paths = issues.map(({ path }) => (holds(record, path) ? path : path.slice(0, -1)));
  const needed = issues.some((issue) => issue.code === 'custom' && issue.params?.['needed'] === true);
  return needed || paths.some((path) => path.length === 0) ? undefined : paths;
}

/** False for a missing value: then the value that contains it is left out. */
function holds(record: unknown, path: Path): boolean {
  let value = record;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step];
  return value !== undefined;
}

/** A copy without the values at these paths. */
function without(value: unknown, paths: readonly Path[]): unknown {
  const below = Map.groupBy(paths, ([step]) => step);
  const isUnfit = (step: PropertyKey) => below.get(step)?.some((path) => path.length === 1) === true;
  const rest = (step: PropertyKey, member: unknown) => {
    const deeper = below.get(step)?.map((path) => path.slice(1));
    return deeper === undefined ? member : without(member, deeper);
  };
  if (Array.isArray(value))
    return value.flatMap((member, index) => (isUnfit(index) ? [] : [rest(index, member)]));
  const members = Object.entries(value as object).filter(([name]) => !isUnfit(name));
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

/** The vendor's name of a field. Where a source adds to a record, the vendor's part is its `row`. */
function nameOf(path: Path): string {
  const own = path[0] === 'row' && path.length > 1 ? path.slice(1) : path;
  return own.map(String).join('.');
}

/**
 * The largest record that is parsed, so that one can be compared, hashed, encoded and sent within the memory of a small
 * container. Deeper ones overflow the stack, and receivers reject them too (protobuf at 100 levels).
 */
export const LIMITS = { bytes: 4_194_304, depth: 100, values: 200_000 } as const;

/** The length of what is kept of a record that is too large. Bytes. */
const HEAD = 65_536;

/** A record that is too large or too deep to be parsed. It becomes a `pipeline_error`. */
export class Unreadable {
  /** The record as the vendor wrote it, or the first 64 KiB of one that is too large. */
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

  /** Represents the record where records are compared and hashed: the same for the same bytes. */
  toJSON(): unknown {
    return { unreadable: this.#digest };
  }
}

/** Whether a record of this extent is parsed. */
export function isReadable({ from, to, depth, values }: Extent): boolean {
  return to - from <= LIMITS.bytes && depth <= LIMITS.depth && values <= LIMITS.values;
}

/** The text without a character that was cut in half at its end. */
function beginning(bytes: Uint8Array, length: number): string {
  return new TextDecoder().decode(bytes.subarray(0, length), { stream: length < bytes.length });
}
