import { toJson, type Json } from '../../core/json.ts';
import { Unreadable } from '../../core/read-record.ts';
import type { LedgerValue, Observation } from '../../core/source.ts';
import { digest } from '../../ecs/uid.ts';
import { canonical, keyText, malformedKeys, Ordinals, sorted } from '../_kit/keys.ts';
import type { Item } from './mapping.ts';
import { replacedAt, type Steps, valueAt } from './path.ts';
import { readTime, type TimeFormat } from './time.ts';

/** A path into a record or, with `split`, into the element. */
export interface RecordPath {
  readonly text: string;
  readonly steps: Steps;
  readonly of: 'record' | 'item';
}

/** How the records of an answer become observations. */
export interface RecordRules {
  readonly split: Steps | undefined;
  /** Undefined: records are told apart by content and number among equals. */
  readonly key: readonly RecordPath[] | undefined;
  /** What makes a record changed: some values, or all its content. Undefined: the stream is append-only. */
  readonly compare: readonly RecordPath[] | 'content' | undefined;
  /** Where a record has its time. A record without one is malformed when `required`. */
  readonly time:
    | { readonly path: RecordPath; readonly format: TimeFormat; readonly required: boolean }
    | undefined;
}

/** An observation, and the time of its record where it has one, epoch ms. */
export interface Observed extends Observation {
  readonly record: Item;
  readonly time: number | undefined;
}

/** The number of equal records so far. Equal ones are counted over a whole walk. */
export class Reading {
  readonly #rules: RecordRules;
  readonly #ordinals = new Ordinals();
  readonly #malformed = malformedKeys();

  constructor(rules: RecordRules) {
    this.#rules = rules;
  }

  /** The observations of a record: one, or with `split` one for each element. */
  observe(record: unknown): readonly Observed[] {
    if (record instanceof Unreadable)
      return [{ key: this.#malformedKey(record), record: { record }, original: record, time: undefined }];
    const time = timeOf(this.#rules, record);
    const problem = problemOf(this.#rules, record, time);
    if (problem !== undefined)
      return [{ key: this.#malformedKey(record), record: { record, problem }, original: record, time }];
    const { split } = this.#rules;
    if (split === undefined) return [this.#whole(record, time)];
    const found = valueAt(record, split);
    const elements: readonly unknown[] = Array.isArray(found) ? found : found === undefined ? [] : [found];
    if (elements.length === 0) return [this.#whole(record, time)];
    const rest = replacedAt(record, split, undefined);
    return elements.map((item) => this.#part({ record, item, rest, time, split }));
  }

  #whole(record: unknown, time: number | undefined): Observed {
    const { key, split } = this.#rules;
    const base = this.#baseOf(record, time);
    const item: Item = { record, ...(key?.length === 1 && split === undefined && { id: base[0] }) };
    const name = key === undefined ? this.#counted(base) : keyText(base, split !== undefined);
    return { key: name, record: item, original: record, time, ...this.#valueOf(record, undefined, record) };
  }

  #part({ record, item, rest, time, split }: Part): Observed {
    const { key } = this.#rules;
    const original = replacedAt(record, split, [item]);
    const values = this.#itemKey(item);
    if (values === undefined) {
      const missing = (key ?? []).find(
        ({ of, steps }) => of === 'item' && canonical(valueAt(item, steps)) === undefined,
      );
      const problem = `\`${missing?.text}\`, which is part of the key, is absent`;
      return { key: this.#malformedKey(original), record: { record, item, problem }, original, time };
    }
    const isComplete = key !== undefined && key.some(({ of }) => of === 'item');
    const base = isComplete ? values(record) : [...this.#baseOf(record, time), digest(sorted(item))];
    const name = isComplete ? keyText(base, base.length > 1) : this.#counted(base);
    const id = isComplete && base.length === 1 ? base[0] : undefined;
    return { key: name, record: { record, item, id }, original, time, ...this.#valueOf(record, item, rest) };
  }

  /** The key's values with those of an element; undefined when one of those is absent. */
  #itemKey(item: unknown): ((record: unknown) => string[]) | undefined {
    const { key = [] } = this.#rules;
    const absent = key.some(
      ({ of, steps }) => of === 'item' && canonical(valueAt(item, steps)) === undefined,
    );
    if (absent) return undefined;
    return (record) =>
      key.map(({ of, steps }) => canonical(valueAt(of === 'item' ? item : record, steps)) ?? '');
  }

  /** The key's values without those of an element, which are empty; without a key the time and the content. */
  #baseOf(record: unknown, time: number | undefined): string[] {
    const { key } = this.#rules;
    if (key === undefined) return [String(time), digest(sorted(record))];
    return key.map(({ of, steps }) => (of === 'item' ? '' : (canonical(valueAt(record, steps)) ?? '')));
  }

  #counted(base: readonly string[]): string {
    const name = toJson(base);
    return toJson([...base, this.#ordinals.next(name)]);
  }

  #valueOf(record: unknown, item: unknown, rest: unknown): { value?: LedgerValue } {
    const { compare } = this.#rules;
    if (compare === undefined) return {};
    if (compare === 'content')
      return {
        value: { content: digest(sorted(rest)), ...(item !== undefined && { item: digest(sorted(item)) }) },
      };
    const values = compare.map(({ text, steps, of }) => [
      text,
      valueAt(of === 'item' ? item : record, steps) ?? null,
    ]);
    return { value: Object.fromEntries(values) as Record<string, Json> };
  }

  #malformedKey(record: unknown): string {
    return this.#malformed(record instanceof Unreadable ? record : sorted(record));
  }
}

interface Part {
  readonly record: unknown;
  readonly item: unknown;
  /** The record without its list. */
  readonly rest: unknown;
  readonly time: number | undefined;
  readonly split: Steps;
}

/** The time of a record, epoch ms; undefined when it has none that can be read. */
export function timeOf({ time }: Pick<RecordRules, 'time'>, record: unknown): number | undefined {
  if (time === undefined || record instanceof Unreadable) return undefined;
  return readTime(valueAt(record, time.path.steps), time.format)?.ms;
}

function problemOf(
  { key = [], time: at }: RecordRules,
  record: unknown,
  time: number | undefined,
): string | undefined {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return 'the record is no object';
  const absent = key.find(
    ({ of, steps }) => of === 'record' && canonical(valueAt(record, steps)) === undefined,
  );
  if (absent !== undefined) return `\`${absent.text}\`, which is part of the key, is absent`;
  if (at === undefined || !at.required || time !== undefined) return undefined;
  const found = valueAt(record, at.path.steps);
  const shown =
    typeof found === 'string' || typeof found === 'number' ? ` (got ${String(found).slice(0, 60)})` : '';
  return found === undefined
    ? `\`${at.path.text}\`, its time, is absent`
    : `\`${at.path.text}\` is no time as ${at.format.pattern ?? at.format.kind}${shown}`;
}
