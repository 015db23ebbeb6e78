import { PAGE } from '../../core/rows.ts';
import type { Observation, Page } from '../../core/source.ts';

/** The observations of one answer, some at a time. */
export type Parts = Iterable<readonly Observation[]> | AsyncIterable<readonly Observation[]>;

/**
 * The pages of one answer: its observations part by part, and with the last part the page that they lead to. Until then
 * the stored cursor stays: a process that dies in between asks again, and the ledger knows what was told.
 *
 * A part is made before the page of the part before it is durable.
 */
export async function* inParts<Cursor>(parts: Parts, page: Page<Cursor>): AsyncGenerator<Page<Cursor>, void> {
  const { deferred } = page;
  let held: readonly Observation[] | undefined;
  for await (const part of parts) {
    if (held !== undefined) yield { observations: held, ...(deferred !== undefined && { deferred }) };
    held = part;
  }
  yield { ...page, observations: held ?? [] };
}

/** What is put together while it fits a page of work: each at least alone. */
export function* inPages<T extends { readonly size: number; readonly bytes: number }>(
  all: Iterable<T>,
): Generator<readonly T[]> {
  let [size, bytes] = [0, 0];
  let held: T[] = [];
  for (const one of all) {
    size += one.size;
    bytes += one.bytes;
    if (held.length > 0 && (size > PAGE.rows || bytes > PAGE.bytes)) {
      yield held;
      [held, size, bytes] = [[], one.size, one.bytes];
    }
    held.push(one);
  }
  if (held.length > 0) yield held;
}
