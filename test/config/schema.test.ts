import { expect, test } from 'vitest';
import type * as z from 'zod';
import { configSchema } from '../../src/config/schema.ts';
import { TYPES } from './support/configuration.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

const schema = configSchema(TYPES);

function at(...path: readonly string[]): JsonSchema {
  let part: unknown = schema;
  for (const step of path) part = Reflect.get(part as object, step);
  return part as JsonSchema;
}

const [logins, tenants] = at('properties', 'sources', 'additionalProperties').anyOf ?? [];

test('sources are distinguished by their type', () => {
  expect(logins?.properties?.['type']).toEqual({ const: 'acme-logins', description: 'Acme logins' });
  expect(tenants?.properties?.['type']).toEqual({ const: 'acme-tenants', description: 'Acme tenants' });
  expect(logins?.required).toEqual(['type', 'base_url']);
  expect(tenants?.required).toEqual(['type']);
});

test('unknown options are refused at every level', () => {
  const strict = [
    schema,
    logins,
    at('properties', 'state'),
    at('properties', 'destinations', 'additionalProperties'),
  ];

  expect(strict.map((part) => part?.additionalProperties)).toEqual([false, false, false, false]);
});

test('an option shows its description, its default as the operator would write it, and whether it is secret', () => {
  expect(logins?.properties?.['overlap']).toMatchObject({ description: 'Read again.', default: '5m' });
  expect(at('properties', 'state', 'properties', 'max_bytes')).toMatchObject({ default: '2GiB' });
  expect(logins?.properties?.['token']).toMatchObject({ type: 'string', writeOnly: true });
});

test('a reference may stand where a number, a truth or a pattern would', () => {
  const reference = { $ref: '#/definitions/reference' };
  const options = ['page_size', 'resolve_users', 'overlap', 'base_url', 'max_response_bytes'];

  for (const option of options) {
    expect(logins?.properties?.[option]).toMatchObject({ anyOf: expect.arrayContaining([reference]) });
  }
  expect(logins?.properties?.['type']).not.toHaveProperty('anyOf');
  expect(at('definitions', 'reference')).toEqual({ type: 'string', pattern: '\\$\\{' });
});

test('every option of the settings is described', () => {
  const undescribed: string[] = [];
  const walk = (part: JsonSchema, path: string) => {
    for (const [name, option] of Object.entries(part.properties ?? {})) {
      if (typeof option === 'boolean') continue;
      if (option.description === undefined) undescribed.push(`${path}.${name}`);
      walk(option, `${path}.${name}`);
    }
    if (typeof part.additionalProperties === 'object') walk(part.additionalProperties, `${path}.*`);
    for (const alternative of part.anyOf ?? []) walk(alternative, path);
  };

  walk(schema, '');

  expect(undescribed).toEqual([]);
});
