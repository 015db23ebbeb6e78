import * as z from 'zod';
import { password } from './fields.ts';

const NO_EXPRESSION = 'expected a CEL expression such as `event.outcome == "success"`';
const NO_FIELD = 'expected the name of a field such as user.email';

/** The option `shape` of every source. What its names and expressions mean is checked by `shape.ts`. */
export function shape() {
  const fields = () => z.array(z.string(NO_FIELD).min(1, NO_FIELD));
  return z
    .strictObject({
      drop: z
        .array(z.string(NO_EXPRESSION).regex(/\S/, NO_EXPRESSION))
        .default([])
        .describe(
          'CEL expressions over the event, such as `event.outcome == "success"`. An event that one of them matches is not stored.',
        ),
      remove: fields().default([]).describe('Fields that are removed. Their values are removed everywhere.'),
      hash: z
        .strictObject({
          fields: fields().min(1, NO_FIELD).describe('Fields whose values are replaced by a hash.'),
          key: password().describe('Key of HMAC-SHA-256. The same key makes the same hashes.'),
        })
        .optional()
        .describe('Fields that are replaced by the HMAC-SHA-256 of their value.'),
      original: z
        .boolean()
        .default(false)
        .describe('Whether every event has its raw record, as JSON, in `event.original`.'),
    })
    .optional()
    .describe('What is dropped, removed or hashed before an event is stored.');
}
