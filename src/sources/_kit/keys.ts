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
