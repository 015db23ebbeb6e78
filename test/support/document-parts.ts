import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { sourceOptions } from '../../src/config/options.ts';
import { settingsSchema } from '../../src/config/settings.ts';

const ROOT = new URL('../../', import.meta.url);
const FIXTURES = 'src/sources/qradar-login-attempts/fixtures/attempts';

interface OptionSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly additionalProperties?: OptionSchema | boolean;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly OptionSchema[];
}

/** A document of the repository with its generated parts as the code and the fixtures make them today. */
export async function renewed(path: string, parts: Readonly<Record<string, string>>): Promise<string> {
  let text = await readFile(new URL(path, ROOT), 'utf8');
  for (const [name, content] of Object.entries(parts)) {
    const begin = new RegExp(`<!-- ${name}: .*-->\n`).exec(text);
    const end = text.indexOf(`<!-- end of ${name} -->`);
    if (begin === null || end < begin.index) throw new Error(`${path} has no place for ${name}.`);
    text = `${text.slice(0, begin.index)}${begin[0]}\n${content}\n${text.slice(end)}`;
  }
  return text;
}

/** A row of a vendor's answer, and the document that it becomes, one line for each field at the top. */
export async function recordBeforeAndAfter(): Promise<string> {
  const [row] = await readJson<object[]>(`${FIXTURES}.json`);
  const [event] = await readJson<object[]>(`${FIXTURES}.ecs.json`);
  const lines = Object.entries(event ?? {}).map(([name, value]) => `  "${name}": ${spaced(value)}`);
  return `A row of a QRadar console, and the event that it becomes:

\`\`\`json
${spaced(row)}

{
${lines.join(',\n')}
}
\`\`\`
`;
}

/** A table of the options at the top of the configuration: all but what sources and destinations are. */
export function settingsTable(): string {
  const { properties = {} } = schemaOf(settingsSchema);
  const { sources: _, destinations: __, defaults: ___, ...rest } = properties;
  return optionTable(rest, []);
}

export function destinationTable(): string {
  const { destinations } = schemaOf(settingsSchema).properties ?? {};
  const block = destinations?.additionalProperties as OptionSchema;
  return optionTable(block.properties ?? {}, block.required ?? []);
}

/** A table of the options that every source has. */
export function commonTable(): string {
  const { properties = {}, required = [] } = schemaOf(sourceOptions({}));
  return optionTable(properties, required);
}

function schemaOf(schema: z.ZodType): OptionSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as OptionSchema;
}

function optionTable(options: Readonly<Record<string, OptionSchema>>, required: readonly string[]): string {
  const head = ['option', 'default', 'what it does'];
  return [head, head.map(() => '---'), ...optionRows(options, required)]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('');
}

function optionRows(
  options: Readonly<Record<string, OptionSchema>>,
  required: readonly string[],
  path = '',
): string[][] {
  return Object.entries(options).flatMap(([name, option]) => {
    const { description = '', default: standard, properties, required: inner = [] } = option;
    const shown = required.includes(name)
      ? 'required'
      : code(properties === undefined ? standard : undefined);
    const row = [`\`${path}${name}\``, shown, described(description, option)];
    return [row, ...optionRows(properties ?? {}, inner, `${path}${name}.`)];
  });
}

function described(description: string, { enum: values }: OptionSchema): string {
  const choice =
    values === undefined ? '' : ` One of ${values.map((value) => `\`${String(value)}\``).join(', ')}.`;
  return (description + choice).replaceAll('|', '\\|');
}

function code(value: unknown): string {
  if (value === undefined || value === '') return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** JSON on one line, with the blanks that people write. */
function spaced(value: unknown): string {
  return JSON.stringify(value, null, 1)
    .replaceAll(/\n\s*/g, ' ')
    .replaceAll(/([{[]) | ([}\]])/g, '$1$2');
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(new URL(path, ROOT), 'utf8')) as T;
}
