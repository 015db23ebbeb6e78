import type { HttpRequest } from '../../core/http.ts';
import { toJson } from '../../core/json.ts';
import type { Logger } from '../../core/log.ts';
import type { Answer, AnswerValue } from './answer.ts';
import type { Definition } from './definition.ts';

/** A value of an answer without which reading ends, and where `source.yaml` names it. */
interface Relied {
  readonly key: string;
  readonly value: AnswerValue;
}

/** A page with fewer records says nothing: its size may be any other number of the request. */
const SMALLEST_PAGE = 10;

const ADVICE =
  'If it stands elsewhere in the answer, correct its path in source.yaml, then read what was missed with `penstock backfill`.';

/**
 * What the answers to one definition have shown so far, in this process. A vendor may leave a field out of its last page,
 * so one answer without it means nothing. A full page without a field that no answer had is another matter: the path of
 * the field may be wrong, and then all that follows is missed without a word.
 */
export class Evidence {
  readonly #relied: readonly Relied[];
  readonly #found = new Set<string>();
  #warned = false;

  private constructor(definition: Definition) {
    this.#relied = reliedOn(definition);
  }

  /** The same for each poll of a definition. */
  static of(definition: Definition): Evidence {
    const known = all.get(definition) ?? new Evidence(definition);
    all.set(definition, known);
    return known;
  }

  /** Remembers what an answer has. */
  note(answer: Answer): void {
    for (const { key, value } of this.#relied) if (answer.has(value)) this.#found.add(key);
  }

  /** What no answer had so far, as `source.yaml` names it: `paging.next_token.from (meta.next)`. */
  get missing(): readonly string[] {
    return this.#relied
      .filter(({ key }) => !this.#found.has(key))
      .map((one) => `${one.key} (${nameOf(one.value)})`);
  }

  /** What is missing although the answer, with which reading ends, is as full as the request allows; undefined: nothing. */
  doubt(request: HttpRequest, { rows }: Answer): string | undefined {
    if (rows.length < SMALLEST_PAGE || !numbersIn(request).has(rows.length)) return undefined;
    return this.missing.find((name) => !name.startsWith('records'));
  }

  /** Warns of a doubt, once: the vendor answers like this each time. */
  warn(log: Logger, request: HttpRequest, answer: Answer): void {
    const missing = this.#warned ? undefined : this.doubt(request, answer);
    if (missing === undefined) return;
    this.#warned = true;
    log.warn(
      { penstock: { missing, records: answer.rows.length, advice: ADVICE } },
      'A page is as full as the request allows and names nothing that follows, and no answer so far had the field that would: records may be missed.',
    );
  }
}

const all = new WeakMap<Definition, Evidence>();

function reliedOn({ paging, cursor, records }: Definition): readonly Relied[] {
  const relied: (Relied | undefined)[] = [];
  const add = (key: string, value: AnswerValue | undefined) => relied.push(value && { key, value });
  if (records.absentIsEmpty) add('records', { steps: records.steps });
  if (paging.kind === 'next_url' || paging.kind === 'next_token')
    add(`paging.${paging.kind}.from`, paging.from);
  if ('more' in paging) add(`paging.${paging.kind}.more`, paging.more);
  if (cursor.kind === 'position') {
    add('cursor.position.from', cursor.from);
    add('cursor.position.more', cursor.more);
  }
  // An expression may choose to give nothing.
  return relied.filter((one) => one !== undefined && !('cel' in one.value)) as readonly Relied[];
}

function nameOf(value: AnswerValue): string {
  if ('header' in value) return `the header ${value.header}`;
  if ('link' in value) return `the link ${value.link}`;
  const steps =
    'steps' in value ? value.steps : 'last' in value ? value.last : 'first' in value ? value.first : [];
  return steps.join('.');
}

/** A time in a body: its numbers are no sizes. */
const TIME = /\d{4}-\d\d-\d\d(?:[Tt ][\d:.]+(?:[+-]\d\d:?\d\d)?)?/g;

/** The whole numbers that a request sends: one of them may be the size of a page. */
function numbersIn({ url, path, query = [], body }: HttpRequest): ReadonlySet<number> {
  const asked = new URL(url ?? path, 'http://vendor').searchParams.values();
  const sent = Object.values(query).map((one: unknown) =>
    Array.isArray(one) ? String(one[1]) : String(one),
  );
  const json = body !== undefined && 'json' in body ? toJson(body.json).replaceAll(TIME, '') : '';
  const texts = [...asked, ...sent, ...(json.match(/\b\d+\b/g) ?? [])];
  return new Set(texts.filter((text) => /^\d{1,9}$/.test(text)).map(Number));
}
