import { toJson } from '../../core/json.ts';
import { digest } from '../../ecs/uid.ts';

/** Numbers equal names from 0, in the order in which they come. Use a new one for each reading of an answer. */
export class Ordinals {
  readonly #counts = new Map<string, number>();

  next(name: string): number {
    const ordinal = this.#counts.get(name) ?? 0;
    this.#counts.set(name, ordinal + 1);
    return ordinal;
  }
}

/**
 * Makes ledger keys for the malformed records of one answer; the same records get the same keys at the next reading.
 * `name`: what identifies a record, or the record itself where it has no id.
 */
export function malformedKeys(): (name: unknown) => string {
  const ordinals = new Ordinals();
  return (name) => {
    const hash = digest(name);
    // `misfit` is part of keys in stored ledgers.
    return `misfit|${hash}|${ordinals.next(hash)}`;
  };
}

/** Whether a value can identify a record: a number, or a text that is not empty. */
export function isId(value: unknown): value is string | number | bigint {
  return (
    typeof value === 'number' || typeof value === 'bigint' || (typeof value === 'string' && value !== '')
  );
}

/** The members of a value that a vendor sent; none when it is not an object. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** A key's value as canonical text: 5 and "5" and 5.0 are the same. Undefined: absent, so it cannot identify a record. */
export function canonical(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return toJson(value);
  return value === undefined || value === null ? undefined : toJson(sorted(value));
}

/** One value is the key itself; several are a list of texts. */
export function keyText(values: readonly string[], asList: boolean): string {
  return !asList && values.length === 1 ? (values[0] ?? '') : toJson(values);
}

/** A value whose members are in alphabetical order, so that the same content always has the same hash. */
export function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const members = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
