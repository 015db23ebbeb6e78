import { canonical } from '../_kit/keys.ts';
import { toJson } from '../../core/json.ts';

/** One value that is not what was expected. Undefined: absent. */
export interface Difference {
  /** Where: `events[0].source.ip`. */
  readonly at: string;
  readonly expected?: unknown;
  readonly got?: unknown;
}

/** How two values of JSON differ, member by member. Integers are equal whether they are numbers or bigints. */
export function differencesOf(at: string, expected: unknown, got: unknown): readonly Difference[] {
  if (Array.isArray(expected) && Array.isArray(got))
    return Array.from({ length: Math.max(expected.length, got.length) }, (_, index) =>
      differencesOf(`${at}[${index}]`, (expected as unknown[])[index], (got as unknown[])[index]),
    ).flat();
  if (isMap(expected) && isMap(got)) {
    const names = new Set([...Object.keys(expected), ...Object.keys(got)]);
    return [...names].flatMap((name) => differencesOf(`${at}.${name}`, expected[name], got[name]));
  }
  if (isSame(expected, got)) return [];
  return [{ at, ...(expected !== undefined && { expected }), ...(got !== undefined && { got }) }];
}

/** A difference in words, on one line. */
export function inWords({ at, ...values }: Difference): string {
  return `${at}: expected ${shown(values.expected)}, got ${shown(values.got)}`;
}

/** So much of a value is shown. Characters. */
const SHOWN = 300;

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = toJson(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined || a === null || b === null) return a === b;
  if (typeof a === 'object' || typeof b === 'object') return false;
  if (isNumber(a) && isNumber(b)) return canonical(a) === canonical(b);
  return a === b;
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}
