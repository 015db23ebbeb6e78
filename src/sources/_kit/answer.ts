import { z } from 'zod';
import type { HttpAnswer } from '../../core/http.ts';
import { PAGE, Rows } from '../../core/rows.ts';
import { maskForeign } from '../../core/secret.ts';
import type { Observation, Page } from '../../core/source.ts';
import { membersOf } from './keys.ts';

/** No Content and Reset Content: these have no body. */
const WITHOUT_BODY = [204, 205];

/** A list in an answer that was read by `rows`: `null` is an empty one, as some encoders write it. */
export const list = z
  .instanceof(Rows, { error: 'expected a list' })
  .nullable()
  .transform((rows) => rows ?? Rows.of());

/** A list that an answer need not have. */
export const optionalList = list.optional().transform((rows) => rows ?? Rows.of());

/** The list that an answer is; undefined when it is none. An answer without content, and `null`, is an empty one. */
export function listOf(answer: HttpAnswer): Rows | undefined {
  const body = isEmpty(answer) ? null : answer.json();
  if (body === null) return Rows.of();
  return body instanceof Rows ? body : undefined;
}

/** Whether there is no answer to read: the vendor says that there is nothing. */
export function isEmpty({ status }: Pick<HttpAnswer, 'status'>): boolean {
  return WITHOUT_BODY.includes(status);
}

/** The most characters of a vendor's words in a message. */
const WORDS = 200;

/** What an answer says in an `error` beside its data, which then cannot be trusted; undefined when there is none. */
export function errorIn(body: unknown): string | undefined {
  const { error } = membersOf(body);
  if (error === undefined || error === null || error === false || error === '') return undefined;
  const { code, message } = membersOf(error);
  const words = [typeof error === 'string' ? error : code, message].filter(
    (word) => typeof word === 'string',
  );
  return `it holds an error${words.length === 0 ? '' : `: ${maskForeign(words.join(': ')).slice(0, WORDS)}`}`;
}

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
