import type { EcsEvent, EcsValue, FieldTable } from '../../core/event.ts';
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
  /** The fields that `map` sets by a path. */
  readonly named: ReadonlySet<string>;
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
  /** The names that objects have, whether or not a field is left in them. */
  readonly objects = new Set<string>();
  /** Fields that were left out: a second path with one name, or beyond the limit. */
  leftOut = 0;
  readonly #rest: Rest;
  readonly #mapped: EcsEvent;

  /** `mapped`: what `map` has set. It stays, whatever a field of the same name holds. */
  constructor(rest: Rest, mapped: EcsEvent) {
    this.#rest = rest;
    this.#mapped = mapped;
  }

  /** Adds the fields of an object, below `prefix`. */
  add(value: unknown, prefix: string, except: Paths | undefined): void {
    if (value === null || value === undefined || except?.whole === true) return;
    if (typeof value !== 'object' || Array.isArray(value)) return this.#set(prefix, value);
    this.objects.add(prefix);
    const members = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(members))
      this.add(members[name], nameBelow(prefix, name), except?.below.get(name));
  }

  #set(name: string, value: unknown): void {
    const { fields, format, named } = this.#rest;
    if (name in this.#mapped) {
      // An expression may be there to replace the field; another path has its name by chance.
      if (named.has(name)) this.leftOut += 1;
      return;
    }
    const type = fields[name] ?? 'keyword';
    if (type === 'keyword' && typeof value === 'string') return this.#keep(name, value);
    const isDeep = Array.isArray(value) && value.some((one) => typeof one === 'object' && one !== null);
    const given = isDeep ? toJson(value) : value;
    const { value: kept, problems } = converted(given, { type, array: Array.isArray(given) }, format);
    for (const problem of problems) this.problems.push(`${name}: ${problem}`);
    if (kept !== undefined) this.#keep(name, kept);
  }

  #keep(name: string, kept: EcsValue): void {
    if (kept === '') return;
    if (this.values.has(name) || this.values.size >= MOST_FIELDS) this.leftOut += 1;
    else this.values.set(name, kept);
  }
}

/** The field that holds what is at a path, unless `map` names it. A list is one field, whatever of it the path names. */
export function restFieldOf({ dataset }: Pick<Rest, 'dataset'>, path: Steps): string {
  const list = path.findIndex((step) => typeof step === 'number');
  const names = path.slice(0, list === -1 ? undefined : list) as readonly string[];
  return names.reduce(nameBelow, dataset);
}

/** The name of a field in an object: `acme.audit.actor` and `ipAddress` are `acme.audit.actor.ip_address`. */
function nameBelow(prefix: string, name: string): string {
  const known = names.get(prefix)?.get(name);
  if (known !== undefined) return known;
  const full = `${prefix}.${snakeCase(name)}`;
  if (size < MOST_NAMES) {
    const below = names.get(prefix) ?? new Map<string, string>();
    names.set(prefix, below.set(name, full));
    size += 1;
  }
  return full;
}

/** A cache: there are few names and many records. It stops growing where a vendor makes names up. */
const names = new Map<string, Map<string, string>>();
let size = 0;
const MOST_NAMES = 20_000;

/** `actorName`, `Actor-Name` and `actor name` as `actor_name`; `IPAddress` as `ip_address`. */
function snakeCase(name: string): string {
  const snake = name
    .replaceAll(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1_$2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
    .replaceAll(/^_+|_+$/g, '');
  return snake === '' ? '_' : snake;
}

/** Where one of these names is a value and has fields below it, the value becomes `<name>._value`. */
export function withoutConflicts(
  event: Readonly<Record<string, EcsValue>>,
  objects: Iterable<string>,
): Readonly<Record<string, EcsValue>> {
  const all = Object.keys(event);
  const both = [...objects].filter((name) => name in event && all.some((one) => one.startsWith(`${name}.`)));
  if (both.length === 0) return event;
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => [both.includes(name) ? `${name}._value` : name, value]),
  );
}
