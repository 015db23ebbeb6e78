import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { compileDefinition } from '../../src/sources/_declarative/compile.ts';
import { definitionSchema } from '../../src/sources/_declarative/schema.ts';

const PAGE = readFileSync(new URL('../../docs/source-yaml.md', import.meta.url), 'utf8');

it('the example of docs/source-yaml.md is a definition', () => {
  const [, example = ''] = /\n\n((?: {4}.*\n|\n)+)/.exec(PAGE) ?? [];
  const text = example.replaceAll(/^ {4}/gm, '').replaceAll('…', 'text');

  const source = compileDefinition(text, 'docs/source-yaml.md');

  expect(source.id).toBe('acme-audit');
});

it('docs/source-yaml.md names every key of a definition', () => {
  const keys = Object.keys(definitionSchema.shape);

  expect(keys.length).toBeGreaterThan(15);
  expect(keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(PAGE))).toEqual([]);
});
