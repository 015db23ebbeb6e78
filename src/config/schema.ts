import * as z from 'zod';
import type { SourceTypes } from './types.ts';
import { EVERY_TYPE } from './tree.ts';
import { settingsSchema } from './settings.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** A value with `${…}` in it: what it will be is not known to an editor. */
const REFERENCE = { type: 'string', pattern: '\\$\\{' } as const;

/** The JSON Schema (draft 7, which editors know best) of the configuration file; sources are distinguished by `type`. */
export function configSchema(types: SourceTypes): JsonSchema {
  const schema = toSchema(settingsSchema);
  const sources = schema.properties?.['sources'];
  if (typeof sources !== 'object') throw new Error('The schema of the settings has no sources.');
  const alternatives = [...types.values()].map(({ id, title, options }) => {
    const { $schema: _, ...block } = toSchema(options);
    return { title, ...block, properties: { ...block.properties, type: { const: id, description: title } } };
  });
  sources.additionalProperties = { anyOf: alternatives };
  const defaults = schema.properties?.['defaults'];
  if (typeof defaults !== 'object') throw new Error('The schema of the settings has no defaults.');
  defaults.additionalProperties = false;
  defaults.properties = {
    [EVERY_TYPE]: { type: 'object', description: 'Options for sources of every type.' },
    ...Object.fromEntries([...types.values()].map(({ id, options }) => [id, defaultsOf(id, options)])),
  };
  // Names that begin with x- hold anchors.
  schema.patternProperties = { '^x-': {} };
  return { ...schema, title: 'Penstock configuration', definitions: { reference: { ...REFERENCE } } };
}

/** What `defaults` may hold for a type: any of its options but `type`. */
function defaultsOf(id: string, options: z.ZodType): JsonSchema {
  const { $schema: _, required: _required, properties, ...block } = toSchema(options);
  const { type: _type, ...others } = properties ?? {};
  return { ...block, properties: others, description: `Options for sources of type ${id}.` };
}

function toSchema(schema: z.ZodType): JsonSchema {
  return admitReferences(z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as JsonSchema);
}

/** Allows `${…}` wherever a scalar is allowed. */
function admitReferences(schema: JsonSchema): JsonSchema {
  const { description, default: fallback, writeOnly, $schema, ...rest } = schema;
  const about = { $schema, description, default: fallback, writeOnly };
  const inside = withParts(rest);
  const narrow = rest.anyOf === undefined ? isNarrowScalar(rest) : rest.anyOf.some(isNarrowScalar);
  if (!narrow) return withoutUndefined({ ...about, ...inside });
  const anyOf = [...(inside.anyOf ?? [inside]), { $ref: '#/definitions/reference' }];
  return withoutUndefined({ ...about, anyOf });
}

function withParts(schema: JsonSchema): JsonSchema {
  const parts = { ...schema };
  if (schema.properties !== undefined) {
    const properties = Object.entries(schema.properties).map(
      ([name, part]) => [name, admitIn(part)] as const,
    );
    parts.properties = Object.fromEntries(properties);
  }
  if (schema.additionalProperties !== undefined)
    parts.additionalProperties = admitIn(schema.additionalProperties);
  if (schema.items !== undefined && !Array.isArray(schema.items)) parts.items = admitIn(schema.items);
  // The alternatives of a value get one reference beside them, not one each.
  if (schema.anyOf !== undefined) parts.anyOf = schema.anyOf.map(withParts);
  return parts;
}

function admitIn<Part extends JsonSchema | boolean>(part: Part): JsonSchema | Part {
  return typeof part === 'object' ? admitReferences(part) : part;
}

/** Whether the schema of a scalar rejects a text with `${…}`. */
function isNarrowScalar({ type, pattern, enum: values, format, const: value }: JsonSchema): boolean {
  if (type === 'string') return [pattern, values, format, value].some((rule) => rule !== undefined);
  return ['boolean', 'integer', 'number'].includes(String(type));
}

function withoutUndefined(schema: Readonly<Record<string, unknown>>): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
}
