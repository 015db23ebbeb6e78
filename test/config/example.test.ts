import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { Config, SourceTypes } from '../../src/config/types.ts';
import type { CommonOptions, Source } from '../../src/core/source.ts';
import { loadSources } from '../../src/sources/registry.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

const root = new URL('../../', import.meta.url).pathname;
const text = await readFile(`${root}config/penstock.yaml`, 'utf8');
const variables = [...text.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => name);

let types: SourceTypes;
let example: Config;

beforeAll(async () => {
  types = await loadSources();
  const env = Object.fromEntries(variables.map((name) => [name, `token-of-${name}`]));
  example = await loadConfig({ file: 'config/penstock.yaml', env, types, cwd: root });
});

test('the example shows every type of source', () => {
  expect(new Set(example.sources.map(({ definition }) => definition.id))).toEqual(new Set(types.keys()));
});

test('the example names every option there is', () => {
  const schema = configSchema(types);

  // `defaults` has a member for each type, and `*` for all of them.
  const names = optionsOf(schema).filter((name) => name !== '*' && !types.has(name));
  const missing = names.filter((name) => !new RegExp(`^ *(?:# )?(?:.*[{ ])?${name}:`, 'm').test(text));

  expect(missing).toEqual([]);
});

test('what the example shows as a default is the default', () => {
  const [siem] = example.destinations;

  expect(example.state).toMatchObject({
    place: { kind: 'directory', allowNetworkFs: false },
    maxBytes: 2 ** 31,
    retain: 86_400_000,
  });
  expect(siem).toMatchObject({
    profile: 'attributes',
    compression: 'gzip',
    timeout: 10_000,
    maxEventAge: undefined,
  });
  for (const { definition, options } of example.sources) {
    const defaults = definition.options.parse({ ...required(definition), token: 'any-token' });

    expect(unlessChosen(options)).toEqual(unlessChosen(defaults));
  }
});

/** The options that the example sets to something other than a default, to show how. */
const CHOSEN = ['token', 'schedule', 'quota', 'labels', 'tls'];

function unlessChosen(options: CommonOptions): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !CHOSEN.includes(name)));
}

/** What the example gives for the options that have no default. */
function required({ id, options }: Source): Readonly<Record<string, unknown>> {
  const shown = example.sources.find(({ definition }) => definition.id === id)?.options ?? {};
  const { required: names = [] } = z.toJSONSchema(options, { io: 'input' });
  return Object.fromEntries(names.map((name) => [name, Reflect.get(shown, name)]));
}

function optionsOf(schema: JsonSchema): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, part]) => [
    name,
    ...(typeof part === 'object' ? optionsOf(part) : []),
  ]);
  const inside =
    typeof schema.additionalProperties === 'object' ? optionsOf(schema.additionalProperties) : [];
  return [...new Set([...own, ...inside, ...(schema.anyOf ?? []).flatMap(optionsOf)])];
}
