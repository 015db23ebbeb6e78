import { digest } from '../../ecs/uid.ts';

/**
 * Makes keys for records that do not fit: a hash of the record, and its ordinal among equals in one answer, so that a
 * re-read knows each of them again.
 */
export function misfitKeys(): (record: unknown) => string {
  const seen = new Map<string, number>();
  return (record) => {
    const hash = digest(record);
    const ordinal = seen.get(hash) ?? 0;
    seen.set(hash, ordinal + 1);
    return `misfit|${hash}|${ordinal}`;
  };
}
