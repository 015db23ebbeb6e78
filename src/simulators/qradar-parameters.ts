import type { Order } from './qradar-attempts.ts';
import { ANY, type Condition } from './qradar-condition.ts';
import { FilterError, type FieldTypes, parseFilter } from './qradar-filter.ts';
import { Refusal } from './qradar-problem.ts';

/** The `filter` parameter. @throws Refusal 422/1010 */
export function conditionOf(query: URLSearchParams, fields: FieldTypes, timeField?: string): Condition {
  const text = query.get('filter');
  if (text === null) return ANY;
  try {
    return parseFilter(text, fields, timeField);
  } catch (error) {
    if (error instanceof FilterError)
      throw new Refusal(1010, `Invalid filter criteria supplied. ${error.message}`);
    throw error;
  }
}

/**
 * The `sort` parameter: `+field` or `-field`, comma-separated (c_rest_api_sortsyntax). A raw `+` has become a blank by
 * now, which is no sign. @throws Refusal 422/1030
 */
export function orderOf(query: URLSearchParams, fields: FieldTypes): readonly Order[] | undefined {
  const text = query.get('sort');
  if (text === null) return undefined;
  return text.split(',').map((part) => {
    const [, sign, field] = /^([+-])(\w+)$/.exec(part) ?? [];
    if (field === undefined || !Object.hasOwn(fields, field)) {
      throw new Refusal(1030, `The sort field or order is not valid: "${part}"`);
    }
    return { field, descending: sign === '-' };
  });
}

/** The `fields` parameter; undefined: all. @throws Refusal 422/30 */
export function fieldsOf(query: URLSearchParams, fields: FieldTypes): readonly string[] | undefined {
  const text = query.get('fields');
  if (text === null) return undefined;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !Object.hasOwn(fields, name));
  if (unknown === undefined) return names;
  throw new Refusal(
    30,
    `Specified field "${unknown}" is not recognized by this endpoint for media type "application/json"`,
  );
}

/**
 * The `Range` header, half-open; undefined: all. A blank after `=` passes, since the vendor's own pages print one.
 * @throws Refusal 422/36
 */
export function rangeOf(header: string | undefined): { from: number; to: number } | undefined {
  if (header === undefined) return undefined;
  const [, first, last] = /^items= ?(\d+)-(\d+)$/.exec(header) ?? [];
  if (first === undefined || last === undefined) {
    throw new Refusal(
      36,
      'Failed to parse Range header. The syntax of the Range header must follow this pattern: items=x-y',
    );
  }
  if (Number(last) < Number(first)) {
    throw new Refusal(
      36,
      'Range of pages specified in "Range" header is negative. Non-negative page range must be specified.',
    );
  }
  return { from: Number(first), to: Number(last) + 1 };
}
