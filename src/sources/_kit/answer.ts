import { z } from 'zod';
import { maskForeign } from '../../core/secret.ts';
import type { HttpAnswer } from '../../core/http.ts';
import { Rows } from '../../core/rows.ts';
import { membersOf } from './malformed.ts';

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
