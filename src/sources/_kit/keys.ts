import { digest } from '../../ecs/uid.ts';

/**
 * Makes keys for the malformed records of one answer, so that a re-read knows each of them again. `name`: what a record
 * is known by; the record itself where it has no id. Equal names are told apart by their order.
 */
export function malformedKeys(): (name: unknown) => string {
  const seen = new Map<string, number>();
  return (name) => {
    const hash = digest(name);
    const ordinal = seen.get(hash) ?? 0;
    seen.set(hash, ordinal + 1);
    return `misfit|${hash}|${ordinal}`;
  };
}

/** A value by which a record can be known: a number, or a text that says something. */
export function isId(value: unknown): value is string | number | bigint {
  return (
    typeof value === 'number' || typeof value === 'bigint' || (typeof value === 'string' && value !== '')
  );
}

/** The members of whatever a vendor sent; none of what is no object. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
