import { z } from 'zod';
import { settingsSchema } from './settings.ts';
import type { SourceTypes } from './source-blocks.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The JSON Schema of the configuration file, for editors; sources are told apart by their `type`. */
export function configSchema(types: SourceTypes): JsonSchema {
  const schema = toSchema(settingsSchema);
  const sources = schema.properties?.['sources'];
  if (typeof sources !== 'object') throw new Error('The schema of the settings has no sources.');
  const alternatives = [...types.values()].map(({ id, title, options }) => {
    const { $schema: _, ...block } = toSchema(options);
    return { title, ...block, properties: { ...block.properties, type: { const: id, description: title } } };
  });
  sources.additionalProperties = { anyOf: alternatives };
  return { ...schema, title: 'Penstock configuration' };
}

function toSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as JsonSchema;
}
