import type { EcsValue, FieldTable } from '../../core/event.ts';
import { toJson } from '../../core/json.ts';
import { converted } from './ecs-values.ts';
import type { Steps } from './path.ts';
import type { TimeFormat } from './time.ts';

/** More fields than this of one record are left out. */
const MOST_FIELDS = 1_000;

/** How the fields of a record that `map` does not name are kept. */
export interface Rest {
  /** Begins their names: `acme.audit`. */
  readonly dataset: string;
  /** Types of those that are not keywords, by whole name. */
  readonly fields: FieldTable;
  /** How times are written, for fields of type `date`. */
  readonly format: TimeFormat;
  /** Paths that `map` names, and the list of `split`: they are left out. */
  readonly except: Paths;
}

/** A set of paths, as a tree. */
export interface Paths {
  readonly whole: boolean;
  readonly below: ReadonlyMap<string, Paths>;
}

/** Makes a set of paths. Those into a list end at the list, which is kept. */
export function pathsOf(all: readonly Steps[]): Paths {
  const below = new Map<string, Paths>();
  const named = all.filter(([step]) => typeof step === 'string');
  for (const [step, paths] of Map.groupBy(named, ([first]) => first as string))
    below.set(step, pathsOf(paths.map((path) => path.slice(1))));
  return { whole: all.some((path) => path.length === 0), below };
}

/** The unmapped fields of `value`, by name in snake case. */
export class RestFields {
  readonly values = new Map<string, EcsValue>();
  readonly problems: string[] = [];
  /** Fields that were left out: a second path with one name, or beyond the limit. */
  leftOut = 0;
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  /** Adds the fields of an object, below `prefix`. */
  add(value: unknown, prefix: string, except: Paths | undefined): void {
    if (value === null || value === undefined || except?.whole === true) return;
    if (typeof value !== 'object' || Array.isArray(value)) return this.#set(prefix, value);
    for (const [name, member] of Object.entries(value))
      this.add(member, `${prefix}.${snakeCase(name)}`, except?.below.get(name));
  }

  #set(name: string, value: unknown): void {
    const { fields, format } = this.#rest;
    const type = fields[name] ?? 'keyword';
    const isDeep = Array.isArray(value) && value.some((one) => typeof one === 'object' && one !== null);
    const given = isDeep ? toJson(value) : value;
    const { value: kept, problems } = converted(given, { type, array: Array.isArray(given) }, format);
    for (const problem of problems) this.problems.push(`${name}: ${problem}`);
    if (kept === undefined) return;
    if (this.values.has(name) || this.values.size >= MOST_FIELDS) this.leftOut += 1;
    else this.values.set(name, kept);
  }
}

/** `actorName`, `Actor-Name` and `actor name` as `actor_name`; `IPAddress` as `ip_address`. */
export function snakeCase(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  const snake =
    name
      .replaceAll(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1_$2')
      .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
      .replaceAll(/^_+|_+$/g, '') || '_';
  if (names.size < MOST_NAMES) names.set(name, snake);
  return snake;
}

/** A cache: there are few names and many records. It stops growing where a vendor makes names up. */
const names = new Map<string, string>();
const MOST_NAMES = 10_000;

/** Where one name is both a value and an object, the value becomes `<name>._value`. Only below `namespace`. */
export function withoutConflicts(
  event: Readonly<Record<string, EcsValue>>,
  namespace: string,
): Record<string, EcsValue> {
  const objects = new Set<string>();
  const own = Object.keys(event).filter((name) => name.startsWith(namespace));
  for (const name of own)
    for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
      const parent = name.slice(0, dot);
      if (objects.has(parent)) break;
      objects.add(parent);
    }
  if (!own.some((name) => objects.has(name))) return event;
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => [objects.has(name) ? `${name}._value` : name, value]),
  );
}
