/** A value of the chart as its schema and its defaults have it. */
interface ValueSchema {
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, ValueSchema>>;
}

const BEGIN = '<!-- values: from values.schema.json and values.yaml, by `npm run generate:deploy` -->\n';
const END = '<!-- end of values -->';

/** The README with its table of values as the schema and the defaults say it. */
export function withValues(readme: string, schema: ValueSchema, defaults: object): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`The README has no place for the values: ${BEGIN}${END}`);
  const table = ['| value | default | |', '| --- | --- | --- |', ...rows(schema, defaults)].join('\n');
  return `${readme.slice(0, begin)}${BEGIN}\n${table}\n\n${readme.slice(end)}`;
}

function rows({ properties = {} }: ValueSchema, defaults: unknown, path = ''): string[] {
  return Object.entries(properties).flatMap(([name, value]) => {
    const standard = (defaults as Record<string, unknown> | undefined)?.[name];
    const whole = path + name;
    const isGroup = Object.values(value.properties ?? {}).some(
      ({ description }) => description !== undefined,
    );
    const row = `| \`${whole}\` | ${isGroup ? '' : shown(standard)} | ${described(value)} |`;
    return [row, ...(isGroup ? rows(value, standard, `${whole}.`) : [])];
  });
}

function described({ description = '', enum: values }: ValueSchema): string {
  const choice = values === undefined ? '' : ` One of ${values.map((value) => `\`${value}\``).join(', ')}.`;
  return (description + choice).replaceAll('|', '\\|');
}

/** A default on one line; texts of several lines stand in values.yaml. */
function shown(value: unknown): string {
  if (value === undefined || value === '') return '';
  if (typeof value === 'string' && value.includes('\n')) return 'see values.yaml';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}
