import type { EcsValue } from '../core/event.ts';
import { type Json, parseJson, toJson } from '../core/json.ts';
import { Masking, SHORTEST } from '../core/masking.ts';

/** What takes the place of a removed value. */
export const REMOVED = '[removed]';

/** What decodes to other characters begins with one of these (`views` of core/masking.ts). */
const ESCAPES = /[%&\\]/;

/** The values to replace in one event, by their text. */
export class Redaction {
  readonly #replacements: ReadonlyMap<string, string>;
  /** Those that are also replaced within a longer text. */
  readonly #long: readonly string[];
  #masking: Masking | undefined;

  /** `replacements`: what takes the place of each value. */
  constructor(replacements: ReadonlyMap<string, string>) {
    this.#replacements = replacements;
    this.#long = [...replacements.keys()].filter(({ length }) => length >= SHORTEST);
  }

  /** Whether there is nothing to replace. */
  get isEmpty(): boolean {
    return this.#replacements.size === 0;
  }

  /**
   * A text with the values replaced, in any usual escape (JSON, URL, HTML; also nested). A value that is shorter than four
   * characters is replaced only where it is the whole text.
   */
  text(text: string): string {
    const whole = this.#replacements.get(text);
    if (whole !== undefined) return whole;
    const mayHold = ESCAPES.test(text) || this.#long.some((value) => text.includes(value));
    return mayHold ? this.#maskingOf().mask(text) : text;
  }

  /** A value of a field. What takes no text (`isText` false: an address, a time, a number) is left out instead. */
  value(value: EcsValue, isText: boolean): EcsValue | undefined {
    if (!Array.isArray(value)) return this.#scalar(value as Scalar, isText);
    const elements: readonly Scalar[] = value;
    const kept = elements.flatMap((one) => this.#scalar(one, isText) ?? []);
    return kept.length === 0 && elements.length > 0 ? undefined : (kept as string[]);
  }

  #scalar(value: Scalar, isText: boolean): Scalar | undefined {
    if (typeof value === 'boolean') return value;
    const replaced = typeof value === 'string' ? this.text(value) : this.#replacements.get(String(value));
    if (replaced === undefined || replaced === value) return value;
    return isText ? replaced : undefined;
  }

  /** JSON text with the values replaced in its strings, its numbers and the names of its members. It stays valid. */
  json(text: string): string {
    if (this.isEmpty) return text;
    let parsed: Json;
    try {
      parsed = parseJson(text) as Json;
    } catch {
      // What cannot be parsed is a text as any other.
      return this.text(text);
    }
    return toJson(this.#inJson(parsed));
  }

  #inJson(value: Json): Json {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number' || typeof value === 'bigint')
      return this.#replacements.get(String(value)) ?? value;
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return (value as readonly Json[]).map((one) => this.#inJson(one));
    const members = Object.entries(value as Readonly<Record<string, Json>>);
    return withNames(members.map(([name, member]) => [this.text(name), this.#inJson(member)]));
  }

  #maskingOf(): Masking {
    if (this.#masking !== undefined) return this.#masking;
    this.#masking = new Masking((form) => this.#replacements.get(form) ?? REMOVED);
    for (const value of this.#long) this.#masking.add(value);
    return this.#masking;
  }
}

type Scalar = string | number | boolean;

/** An object of these members. Where replacing made two names equal, the later ones get a number. */
export function withNames<T>(members: readonly (readonly [string, T])[]): Record<string, T> {
  const named = new Map<string, T>();
  for (const [name, value] of members) {
    let free = name;
    for (let number = 2; named.has(free); number += 1) free = `${name} ${number}`;
    named.set(free, value);
  }
  return Object.fromEntries(named);
}

/** Every text and number in JSON; undefined when it cannot be parsed. */
export function scalarsOf(text: string): ReadonlySet<string> | undefined {
  const found = new Set<string>();
  const collect = (value: Json): void => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
      found.add(String(value));
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(collect);
  };
  try {
    collect(parseJson(text) as Json);
  } catch {
    return undefined;
  }
  return found;
}

/** The texts of a field's value by which it is found elsewhere. `true` and `false` stand everywhere and say nothing. */
export function textsIn(value: EcsValue | undefined): readonly string[] {
  const values: readonly Scalar[] = Array.isArray(value) ? value : [(value as Scalar | undefined) ?? ''];
  return values.filter((one) => typeof one !== 'boolean' && one !== '').map(String);
}

/** The fields that an event needs as they are, besides its tenant's; values in them are not replaced. */
export const KEPT: ReadonlySet<string> = new Set([
  '@timestamp',
  'ecs.version',
  'agent.type',
  'agent.version',
  'event.kind',
  'event.category',
  'event.type',
  'event.outcome',
  'event.dataset',
  'event.module',
  'event.created',
]);
