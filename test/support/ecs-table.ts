import { EcsFlat } from '@elastic/ecs';
import { ECS_VERSION } from '../../src/core/event.ts';

interface Field {
  readonly type: string;
  readonly normalize: readonly string[];
  readonly pattern?: string;
  readonly expected_values?: readonly string[];
  readonly allowed_values?: readonly {
    readonly name: string;
    readonly expected_event_types?: readonly string[];
  }[];
}

const FLAT = Object.entries(EcsFlat as unknown as Readonly<Record<string, Field>>);

/** The text of `src/ecs/fields.generated.ts`: importing `@elastic/ecs` itself would take 100 ms and 15 MiB. */
export function ecsTable(): string {
  const types = [...new Set(FLAT.map(([, { type }]) => type))].toSorted();
  const fields = types.map((type) => [type, namesOf(type)] as const);
  const allowed = FLAT.flatMap(([name, { allowed_values: one, expected_values: other }]) => {
    const values = one?.map((value) => value.name) ?? other;
    return values === undefined ? [] : [[name, values] as const];
  });
  const patterns = FLAT.flatMap(([name, { pattern }]) =>
    pattern === undefined ? [] : [[name, pattern] as const],
  );
  const categories = FLAT.find(([name]) => name === 'event.category')?.[1].allowed_values ?? [];
  const eventTypes = categories.map(({ name, expected_event_types: of }) => [name, of ?? []] as const);
  return [
    `// Made by \`npm run generate\` from @elastic/ecs (ECS ${ECS_VERSION}). Do not edit.`,
    '/** The names of all fields by type; `[]` marks a list. */',
    declared('FIELDS', 'string', fields),
    '/** The only values of a field. */',
    declared('ALLOWED', 'readonly string[]', allowed),
    '/** What the values of a field match. */',
    declared('PATTERNS', 'string', patterns),
    '/** The event types that go with a category. */',
    declared('EVENT_TYPES', 'readonly string[]', eventTypes),
    '',
  ].join('\n');
}

function namesOf(type: string): string {
  return FLAT.filter(([, field]) => field.type === type)
    .map(([name, { normalize }]) => (normalize.includes('array') ? `${name}[]` : name))
    .join(' ');
}

function declared(name: string, type: string, entries: readonly (readonly [string, unknown])[]): string {
  const members = entries.map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`);
  return [`export const ${name}: Readonly<Record<string, ${type}>> = {`, ...members, '};'].join('\n');
}
