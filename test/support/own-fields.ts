import { type FieldTable, PENSTOCK_FIELDS } from '../../src/core/event.ts';
import { existsSync } from 'node:fs';
import { loadSources } from '../../src/sources/registry.ts';

/** The fields that ECS does not define, of all sources and of Penstock itself. */
export async function ownFields(): Promise<FieldTable> {
  const sources = [...(await loadSources()).values()];
  return Object.assign({}, ...sources.map(({ fields }) => fields), PENSTOCK_FIELDS) as FieldTable;
}

/** The vendors' namespaces below which a declarative source may ship any field, as a keyword; also that of the sample. */
export async function openNamespaces(): Promise<readonly string[]> {
  const sources = [...(await loadSources()).values()];
  const declared = sources.filter(({ id }) =>
    existsSync(new URL(`../../src/sources/${id}/source.yaml`, import.meta.url)),
  );
  return ['sample.', ...declared.map(({ dataset }) => `${dataset.split('.')[0]}.`)];
}
