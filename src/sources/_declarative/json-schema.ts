import * as z from 'zod';
import { definitionSchema } from './schema.ts';

/** The JSON Schema of `source.yaml`, for editors. What is in templates, paths and expressions is checked when it is loaded. */
export function definitionJsonSchema(): object {
  const schema = z.toJSONSchema(definitionSchema, { io: 'input', unrepresentable: 'any' });
  return { ...schema, title: 'Penstock source definition' };
}
