import { expect, test } from 'vitest';
import { configSchema } from '../src/config/schema.ts';
import { loadSources } from '../src/sources/registry.ts';

/** Files that are made from the code. A stale one fails here; `npm run generate` writes it anew. */

test('config/penstock.schema.json is what the sources and settings say', async () => {
  const schema = configSchema(await loadSources());

  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../config/penstock.schema.json');
});
