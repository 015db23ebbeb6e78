import type { Definition } from './definition.ts';
import type { Difference } from './difference.ts';
import { mapItem } from './mapping.ts';

/** What of `map` fails on a record without fields: a vendor may leave out any of them, so nothing should. */
export function failuresOnEmptyRecord({
  mapping,
  rules,
}: Pick<Definition, 'mapping' | 'rules'>): readonly Difference[] {
  const item = { record: {}, ...(rules.split !== undefined && { item: {} }) };
  const messages = (['new', 'updated'] as const).map(
    (reason) => mapItem(mapping, item, { reason })['error.message'],
  );
  return [...new Set(messages)].flatMap((got) => (got === undefined ? [] : [{ at: 'map', got }]));
}
