import { ALLOWED, EVENT_TYPES, FIELDS, PATTERNS } from './fields.generated.ts';

/** What ECS says of one field. */
export interface EcsField {
  /** The name of its type in Elasticsearch: `keyword`, `long`, `ip`. */
  readonly type: string;
  /** Its value is a list, even of one. */
  readonly array: boolean;
  /** The only values that it may have; undefined: any. */
  readonly allowed: readonly string[] | undefined;
  /** What its value must match; undefined: any. */
  readonly pattern: RegExp | undefined;
}

let fields: ReadonlyMap<string, EcsField> | undefined;

/** A field of ECS; undefined for a name that ECS does not define. Labels (`labels.<name>`) are keywords. */
export function ecsField(name: string): EcsField | undefined {
  fields ??= new Map(all());
  if (/^labels\.[^.]+$/.test(name))
    return { type: 'keyword', array: false, allowed: undefined, pattern: undefined };
  return fields.get(name);
}

/** The names of all fields. */
export function ecsNames(): readonly string[] {
  fields ??= new Map(all());
  return [...fields.keys()];
}

/** The values of `event.type` that go with a category. */
export function eventTypesOf(category: string): readonly string[] {
  return EVENT_TYPES[category] ?? [];
}

function* all(): Generator<readonly [string, EcsField]> {
  for (const [type, names] of Object.entries(FIELDS)) {
    for (const written of names.split(' ')) {
      const array = written.endsWith('[]');
      const name = array ? written.slice(0, -2) : written;
      const pattern = PATTERNS[name];
      yield [
        name,
        {
          type,
          array,
          allowed: ALLOWED[name],
          pattern: pattern === undefined ? undefined : new RegExp(pattern),
        },
      ];
    }
  }
}
