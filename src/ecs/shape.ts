import { createHmac } from 'node:crypto';
import type { EcsEvent, EcsValue, FieldTable } from '../core/event.ts';
import { toJson } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import { isOdd, MALFORMED } from './common.ts';
import { type DropRule, DropRules, type Verdict } from './drop-rules.ts';
import { ecsField } from './fields.ts';
import { KEPT, Redaction, REMOVED, scalarsOf, textsIn, withNames } from './redaction.ts';

/** A checked `shape`. */
export interface ShapeParts {
  readonly drop: readonly DropRule[];
  readonly remove: readonly string[];
  readonly hash: { readonly fields: readonly string[]; readonly key: Secret } | undefined;
  readonly original: boolean;
  /** The fields of the source that ECS does not define. */
  readonly fields: FieldTable;
  /** The fields that choose a destination or a namespace; values in them are not replaced. */
  readonly routing: readonly string[];
}

const KEEP: Verdict = { drop: false, failed: [] };

/** The types of Elasticsearch that hold a text as it is. */
const TEXTS = new Set(['keyword', 'constant_keyword', 'wildcard', 'text', 'match_only_text']);

/** Whether a field can hold a text that takes the place of its value. A field that nothing declares is a keyword. */
export function holdsText(name: string, fields: FieldTable): boolean {
  return TEXTS.has(ecsField(name)?.type ?? fields[name] ?? 'keyword');
}

/** Drops, removes and hashes what a source's `shape` says. Pure. */
export class Shape {
  /** Whether every event has its raw record. */
  readonly original: boolean;
  /** Whether values are removed or hashed. */
  readonly redacts: boolean;
  readonly #parts: ShapeParts;
  readonly #drop: DropRules | undefined;
  readonly #removed: ReadonlySet<string>;
  readonly #kept: ReadonlySet<string>;

  constructor(parts: ShapeParts) {
    const { drop, remove, hash, original, routing } = parts;
    this.original = original;
    this.redacts = remove.length > 0 || hash !== undefined;
    this.#parts = parts;
    this.#drop = drop.length === 0 ? undefined : new DropRules(drop);
    this.#removed = new Set(remove);
    this.#kept = KEPT.union(new Set(routing));
  }

  /** Whether the event is dropped. The reasons of failed rules hold nothing that is removed or hashed. */
  judge(event: EcsEvent): Verdict {
    const verdict = this.#drop?.judge(event) ?? KEEP;
    if (verdict.failed.length === 0 || !this.redacts) return verdict;
    const redaction = new Redaction(this.#replacements(event));
    return {
      ...verdict,
      failed: verdict.failed.map(({ rule, reason }) => ({ rule, reason: redaction.text(reason) })),
    };
  }

  /**
   * The event without what is removed, and with hashes. `uid` takes the place of an `event.id` that holds a value.
   * `attempt`: of a malformed record, whose event has no fields of its own: what the mapping makes of it nevertheless.
   */
  redact(event: EcsEvent, uid: string, attempt?: EcsEvent): EcsEvent {
    if (!this.redacts) return event;
    const known = { ...event, ...attempt };
    const isWhole = event['event.kind'] !== MALFORMED && !isOdd(event);
    const safe = isWhole || this.#fields.every((name) => textsIn(known[name]).length > 0);
    return this.#apply(safe ? event : concealed(event), uid, new Redaction(this.#replacements(known)));
  }

  get #fields(): readonly string[] {
    return [...this.#removed, ...(this.#parts.hash?.fields ?? [])];
  }

  #replacements(event: EcsEvent): Map<string, string> {
    const { hash } = this.#parts;
    const found = new Map<string, string>();
    for (const name of this.#removed) for (const text of textsIn(event[name])) found.set(text, REMOVED);
    // A value that is both removed and hashed is hashed: its field in `hash` must hold the hash.
    for (const name of hash?.fields ?? [])
      for (const text of textsIn(event[name])) found.set(text, hashOf(text, hash?.key));
    found.delete('');
    return found;
  }

  #apply(event: EcsEvent, uid: string, redaction: Redaction): EcsEvent {
    const members = Object.entries(event).flatMap(([name, value]): [string, EcsValue][] => {
      if (this.#removed.has(name)) return [];
      if (redaction.isEmpty || this.#kept.has(name)) return [[name, value]];
      const replaced = this.#replaced(name, value, redaction);
      return replaced === undefined ? [] : [[this.#nameOf(name, redaction), replaced]];
    });
    const shaped = withNames(members);
    const id = event['event.id'];
    return id === undefined || shaped['event.id'] === id ? shaped : { ...shaped, 'event.id': uid };
  }

  #replaced(name: string, value: EcsValue, redaction: Redaction): EcsValue | undefined {
    if (name === 'event.original' && typeof value === 'string') return redaction.json(value);
    const replaced = redaction.value(value, holdsText(name, this.#parts.fields));
    // A set: two removed users are one `[removed]`.
    if (name.startsWith('related.') && Array.isArray(replaced)) return [...new Set(replaced as string[])];
    return replaced;
  }

  /** The vendor's data can be part of the name of a field that nothing declares. */
  #nameOf(name: string, redaction: Redaction): string {
    const isDeclared = name in this.#parts.fields || ecsField(name) !== undefined;
    return isDeclared ? name : redaction.text(name);
  }
}

/**
 * An event whose `event.original` and messages keep the structure of the record only: a value to remove or hash was not
 * found at its place in the record, so any text of it may be that value.
 */
function concealed(event: EcsEvent): EcsEvent {
  const original = event['event.original'];
  if (typeof original !== 'string') return event;
  const scalars = scalarsOf(original);
  const redaction = new Redaction(new Map([...(scalars ?? [])].map((text) => [text, REMOVED])));
  const shaped = { ...event };
  shaped['event.original'] = scalars === undefined ? toJson(REMOVED) : redaction.json(original);
  const texts = event['event.kind'] === MALFORMED ? ['message', 'error.message'] : ['error.message'];
  for (const name of texts) shaped[name] = redaction.text(String(event[name] ?? ''));
  return shaped;
}

/** 64 lower-case hexadecimal digits. */
function hashOf(text: string, key: Secret | undefined): string {
  return createHmac('sha256', key?.reveal() ?? '')
    .update(text)
    .digest('hex');
}
