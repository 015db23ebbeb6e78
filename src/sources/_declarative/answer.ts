import { UnexpectedAnswerError } from '../../core/errors.ts';
import { type Expression, withoutNulls } from '../../core/cel/expression.ts';
import type { HttpResponse } from '../../core/http.ts';
import { Unreadable } from '../../core/read-record.ts';
import { PAGE } from '../../core/row-batches.ts';
import { Rows, type Shape } from '../../core/rows.ts';
import { errorIn, isEmpty } from '../_kit/answer.ts';
import { replacedAt, type Steps, valueAt } from './path.ts';
import { plain } from './template.ts';

/** Where an answer has its records, and what else means that there are none. */
export interface RecordsAt {
  readonly steps: Steps;
  readonly absentIsEmpty: boolean;
  readonly nullIsEmpty: boolean;
  readonly emptyTextIsEmpty: boolean;
  /** An object is one record. */
  readonly single: boolean;
}

/** Which lists of an answer are read as rows: that of the records, unless it is an element of another list. */
export function shapeOf({ steps }: RecordsAt): Shape | undefined {
  if (steps.some((step) => typeof step === 'number')) return undefined;
  return (steps as readonly string[]).reduceRight<Shape>((of, step) => ({ members: { [step]: of } }), {
    rows: true,
  });
}

/** Where a value of an answer is. */
export type AnswerValue =
  | { readonly steps: Steps }
  | { readonly header: string }
  | { readonly link: string }
  | { readonly last: Steps }
  | { readonly first: Steps }
  | { readonly cel: Expression };

/** Longer lists of records are not shown to an expression. */
const MOST_SHOWN = 10_000;

/** One answer of the vendor: its records, and the values by which reading goes on. */
export class Answer {
  readonly response: HttpResponse;
  readonly rows: Rows;
  readonly #body: unknown;
  readonly #at: RecordsAt;
  #shown: unknown;

  /** @throws UnexpectedAnswerError when the records are not where they should be */
  constructor(response: HttpResponse, at: RecordsAt) {
    this.response = response;
    this.#at = at;
    this.#body = isEmpty(response) ? null : response.json();
    if (this.#body instanceof Unreadable) throw this.unexpected(this.#body.problem);
    this.rows = isEmpty(response) ? Rows.of() : this.#records();
  }

  /** Undefined: there is none (absent, null or empty). */
  value(value: AnswerValue): unknown {
    const found = this.#find(value);
    return found === null || found === '' ? undefined : found;
  }

  /** Whether the answer has it, also as null or empty. */
  has(value: AnswerValue): boolean {
    if ('steps' in value) return rawAt(this.#body, value.steps) !== undefined;
    return this.#find(value) !== undefined;
  }

  #find(value: AnswerValue): unknown {
    if ('steps' in value) return value.steps.length === 0 ? this.#body : valueAt(this.#body, value.steps);
    if ('header' in value) return this.response.headers[value.header.toLowerCase()];
    if ('link' in value) return this.response.link(value.link);
    if ('cel' in value) return this.#evaluate(value.cel);
    const { batches } = this.rows;
    if ('last' in value) return valueAt(batches.at(-1)?.rows().at(-1), value.last);
    return valueAt(batches[0]?.rows()[0], value.first);
  }

  #evaluate(expression: Expression): unknown {
    this.#shown ??= withoutNulls(this.#whole());
    const outcome = expression.evaluate({ answer: this.#shown });
    if ('failed' in outcome)
      throw this.unexpected(`the expression ${expression.text} failed: ${outcome.failed}`);
    return 'value' in outcome ? plain(outcome.value) : undefined;
  }

  /** The answer with its records as a list. */
  #whole(): unknown {
    if (!(valueAt(this.#body, this.#at.steps) instanceof Rows)) return this.#body;
    if (this.rows.length > MOST_SHOWN)
      throw this.unexpected(
        `it holds ${this.rows.length} records, and an expression sees at most ${MOST_SHOWN}`,
      );
    return replacedAt(this.#body, this.#at.steps, [...this.rows]);
  }

  #records(): Rows {
    const { steps, single } = this.#at;
    const found = rawAt(this.#body, steps);
    const problem = steps[0] === 'error' ? undefined : errorIn(this.#body);
    const place = steps.length === 0 ? 'it' : `\`${steps.join('.')}\``;
    // Beside an error, records may be only a part.
    if (problem === undefined || !isObject(this.#body)) {
      if (found instanceof Rows) return found;
      if (Array.isArray(found)) return rowsOf(found);
      if (this.#meansNone(found)) return Rows.of();
      if (single && isObject(found)) return Rows.of(found);
    } else if (found instanceof Rows || Array.isArray(found)) throw this.unexpected(problem);
    const what = found === undefined ? 'is absent' : `is ${kindOf(found)}`;
    throw this.unexpected(
      `${place} ${what}, not a list of records${problem === undefined ? '' : `; ${problem}`}`,
    );
  }

  #meansNone(found: unknown): boolean {
    if (found === undefined) return this.#at.absentIsEmpty && isObject(this.#body);
    return (found === null && this.#at.nullIsEmpty) || (found === '' && this.#at.emptyTextIsEmpty);
  }

  /** An error that says what is wrong with the answer. */
  unexpected(problem: string): UnexpectedAnswerError {
    const { url, status } = this.response;
    const place = url.split('?')[0] ?? url;
    return new UnexpectedAnswerError(
      `The answer of ${place} is not what the definition says: ${problem}.`,
      place,
      status,
    );
  }
}

/** As `valueAt`, and null is told from absent. */
function rawAt(root: unknown, steps: Steps): unknown {
  const last = steps.at(-1);
  if (last === undefined) return root;
  const parent = valueAt(root, steps.slice(0, -1));
  return isObject(parent) && Object.hasOwn(parent, last)
    ? (parent as Record<PropertyKey, unknown>)[last]
    : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** A list in memory as rows, some at a time. */
function rowsOf(list: readonly unknown[]): Rows {
  const batches: Rows['batches'][number][] = [];
  for (let from = 0; from < list.length; from += PAGE.rows)
    batches.push(...Rows.of(...list.slice(from, from + PAGE.rows)).batches);
  return new Rows(batches);
}

/** Whether a value of an answer says yes: `more`. */
export function saysYes(value: unknown): boolean {
  if (typeof value === 'string') return !/^(?:false|no|0)$/i.test(value);
  return typeof value === 'bigint' ? value !== 0n : Boolean(value);
}
