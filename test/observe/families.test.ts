import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAMILIES, HISTOGRAMS } from '../../src/observe/families.ts';

test('docs/operate.md has every metric in its table', () => {
  const page = readFileSync(new URL('../../docs/operate.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `penstock_'));

  const missing = [...FAMILIES, ...HISTOGRAMS].filter(
    ({ name }) => !rows.some((row) => row.split(' | ')[0]?.includes(`\`${name}\``)),
  );

  expect(missing.map(({ name }) => name)).toEqual([]);
});
