import * as z from 'zod';
import type { HttpResponse } from '../../core/http.ts';
import { PAGE } from '../../core/row-batches.ts';
import { Rows } from '../../core/rows.ts';
import { maskForeign } from '../../core/secret.ts';
import type { Observation, Page } from '../../core/source.ts';
import { membersOf } from './keys.ts';

/** No Content and Reset Content: these statuses have no body. */
const WITHOUT_BODY = [204, 205];

/** A list in an answer that was read with `rows`. `null` is an empty list: some encoders write it so. */
export const list = z
  .instanceof(Rows, { error: 'expected a list' })
  .nullable()
  .transform((rows) => rows ?? Rows.of());

/** A list that an answer may leave out. */
export const optionalList = list.optional().transform((rows) => rows ?? Rows.of());

/** The rows of an answer that is a list; empty without content and for `null`; undefined when it is not a list. */
export function listOf(answer: HttpResponse): Rows | undefined {
  const body = isEmpty(answer) ? null : answer.json();
  if (body === null) return Rows.of();
  return body instanceof Rows ? body : undefined;
}

/** Whether the answer has no body: the vendor has no records. */
export function isEmpty({ status }: Pick<HttpResponse, 'status'>): boolean {
  return WITHOUT_BODY.includes(status);
}

/** The most characters of a vendor's error that a message quotes. */
const LONGEST_QUOTE = 200;

/** What an `error` in an answer says, in which case its data cannot be trusted; undefined when there is none. */
export function errorIn(body: unknown): string | undefined {
  const { error } = membersOf(body);
  if (error === undefined || error === null || error === false || error === '') return undefined;
  const { code, message } = membersOf(error);
  const words = [typeof error === 'string' ? error : code, message].filter(
    (word) => typeof word === 'string',
  );
  const quote = maskForeign(words.join(': ')).slice(0, LONGEST_QUOTE);
  return words.length === 0 ? 'it contains an error' : `it contains an error: ${quote}`;
}

/** The observations of one answer, some at a time. */
export type Parts = Iterable<readonly Observation[]> | AsyncIterable<readonly Observation[]>;

/**
 * The pages of one answer: one for each part of its observations, the last with everything else in `page`. The stored
 * cursor stays until then: a process that dies in between asks again, and the ledger recognises what was emitted.
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

/** Groups neighbours so that each group fits a page (`PAGE`); one that does not fit is a group by itself. */
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
