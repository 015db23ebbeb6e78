import { type FieldTable, PENSTOCK_FIELDS } from '../../src/core/event.ts';
import { loadSources } from '../../src/sources/registry.ts';

/** The fields that ECS does not define, of all sources and of Penstock itself. */
export async function ownFields(): Promise<FieldTable> {
  const sources = [...(await loadSources()).values()];
  return Object.assign({}, ...sources.map(({ fields }) => fields), PENSTOCK_FIELDS) as FieldTable;
}
