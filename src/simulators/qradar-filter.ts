import type { Span } from '../core/source.ts';

/** A row as conditions see it: field name → value. */
export type Row = Readonly<Record<string, unknown>>;

export type Operand = string | number | bigint;

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** A test of rows, and the span of times outside of which no row passes it, so that rows can be found by search. */
export interface Condition {
  readonly test: (row: Row) => boolean;
  readonly span: Span;
  /** Every row within the span passes; `test` is not needed. */
  readonly exact: boolean;
}

const EVER: Span = { from: -Infinity, to: Infinity };

/** The span of times for each comparison with `time`, a whole number. */
const SPANS: Readonly<Record<Exclude<Comparison, '!='>, (time: number) => Span>> = {
  '=': (time) => ({ from: time, to: time + 1 }),
  '<': (time) => ({ from: -Infinity, to: time }),
  '<=': (time) => ({ from: -Infinity, to: time + 1 }),
  '>': (time) => ({ from: time + 1, to: Infinity }),
  '>=': (time) => ({ from: time, to: Infinity }),
};

/** Equality is decided by order, because numbers are compared with BigInts. */
const TESTS: Readonly<Record<Comparison, (less: boolean, more: boolean) => boolean>> = {
  '=': (less, more) => !less && !more,
  '!=': (less, more) => less || more,
  '<': (less) => less,
  '<=': (_less, more) => !more,
  '>': (_less, more) => more,
  '>=': (less) => !less,
};

export const ANY: Condition = { test: () => true, span: EVER, exact: true };

export function both(one: Condition, other: Condition): Condition {
  return {
    test: (row) => one.test(row) && other.test(row),
    span: {
      from: Math.max(one.span.from, other.span.from),
      to: Math.min(one.span.to, other.span.to),
    },
    exact: one.exact && other.exact,
  };
}

export function either(one: Condition, other: Condition): Condition {
  return {
    test: (row) => one.test(row) || other.test(row),
    span: {
      from: Math.min(one.span.from, other.span.from),
      to: Math.max(one.span.to, other.span.to),
    },
    exact: false,
  };
}

export function not({ test }: Condition): Condition {
  return { test: (row) => !test(row), span: EVER, exact: false };
}

/** `timed`: rows are ordered by this field, a whole number. */
export function compare(field: string, comparison: Comparison, operand: Operand, timed: boolean): Condition {
  const test = (row: Row) => holds(row[field], comparison, operand);
  if (!timed || comparison === '!=') return { test, span: EVER, exact: false };
  return { test, span: SPANS[comparison](Number(operand)), exact: true };
}

function holds(value: unknown, comparison: Comparison, operand: Operand): boolean {
  if (value === undefined || value === null) return false;
  return TESTS[comparison]((value as Operand) < operand, (value as Operand) > operand);
}

/** The fields of a list by name. Longs are written bare in a filter, strings in double quotes. */
export type FieldTypes = Readonly<Record<string, 'long' | 'string'>>;

/** A filter that does not parse, or names an unknown field. */
export class FilterError extends Error {
  override readonly name = 'FilterError' as const;
}

type Token =
  | { readonly kind: 'sign'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'long'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string };

/** Blank, then one of: sign, quoted string, whole number, word. */
const TOKEN =
  /\s*(?:(?<sign>[<>!]=|[=<>(),])|"(?<string>[^"]*)"|(?<long>-?\d+)(?![\w.])|(?<word>[A-Za-z_]\w*))/y;

const COMPARISONS: ReadonlySet<string> = new Set<Comparison>(['=', '!=', '<', '<=', '>', '>=']);

/**
 * Parses a filter as the QRadar API documents it (c_rest_api_filtering): comparisons, `in`, `not in`, `between`, joined by
 * `and`, `or`, `not` and parentheses. `timeField` names the field by which the rows are ordered.
 * @throws FilterError
 */
export function parseFilter(text: string, fields: FieldTypes, timeField?: string): Condition {
  return new FilterParser(tokens(text), fields, timeField).whole();
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const [kind, value] = Object.entries(TOKEN.exec(text)?.groups ?? {}).find(
      (group) => group[1] !== undefined,
    ) ?? [undefined, ''];
    if (kind === undefined) throw new FilterError(`Unexpected text at position ${at}`);
    found.push({ kind: kind as Token['kind'], text: value });
  }
  return found;
}

class FilterParser {
  readonly #tokens: readonly Token[];
  readonly #fields: FieldTypes;
  readonly #timeField: string | undefined;
  #at = 0;

  constructor(all: readonly Token[], fields: FieldTypes, timeField: string | undefined) {
    this.#tokens = all;
    this.#fields = fields;
    this.#timeField = timeField;
  }

  whole(): Condition {
    const condition = this.#alternatives();
    if (this.#at < this.#tokens.length) throw new FilterError(`Unexpected "${this.#peek}"`);
    return condition;
  }

  #alternatives(): Condition {
    let condition = this.#conjunction();
    while (this.#word('or')) condition = either(condition, this.#conjunction());
    return condition;
  }

  #conjunction(): Condition {
    let condition = this.#factor();
    while (this.#word('and')) condition = both(condition, this.#factor());
    return condition;
  }

  #factor(): Condition {
    if (this.#word('not')) return not(this.#factor());
    if (!this.#sign('(')) return this.#comparison();
    const condition = this.#alternatives();
    this.#expect(')');
    return condition;
  }

  #comparison(): Condition {
    const field = this.#field();
    if (this.#word('not')) {
      if (!this.#word('in')) throw new FilterError(`Expected "in" after "${field} not"`);
      return not(this.#in(field));
    }
    if (this.#word('in')) return this.#in(field);
    if (this.#word('between')) return this.#between(field);
    const comparison = this.#next()?.text ?? 'end of filter';
    if (!COMPARISONS.has(comparison))
      throw new FilterError(`Expected an operator instead of "${comparison}"`);
    return this.#compare(field, comparison as Comparison, this.#operand(field));
  }

  #in(field: string): Condition {
    this.#expect('(');
    let condition = this.#compare(field, '=', this.#operand(field));
    while (this.#sign(',')) condition = either(condition, this.#compare(field, '=', this.#operand(field)));
    this.#expect(')');
    return condition;
  }

  #between(field: string): Condition {
    const lowest = this.#compare(field, '>=', this.#operand(field));
    if (!this.#word('and')) throw new FilterError('Expected "and" after "between"');
    return both(lowest, this.#compare(field, '<=', this.#operand(field)));
  }

  #compare(field: string, comparison: Comparison, operand: Operand): Condition {
    return compare(field, comparison, operand, field === this.#timeField);
  }

  #field(): string {
    const token = this.#next();
    if (token?.kind !== 'word' || !Object.hasOwn(this.#fields, token.text)) {
      throw new FilterError(`Unknown field "${token?.text ?? ''}"`);
    }
    return token.text;
  }

  #operand(field: string): Operand {
    const token = this.#next();
    const type = this.#fields[field];
    if (token?.kind !== type) throw new FilterError(`Expected a ${type} for "${field}"`);
    if (type === 'string') return token?.text ?? '';
    const long = Number(token?.text);
    return Number.isSafeInteger(long) ? long : BigInt(token?.text ?? 0);
  }

  get #peek(): string {
    return this.#tokens[this.#at]?.text ?? '';
  }

  #next(): Token | undefined {
    this.#at += 1;
    return this.#tokens[this.#at - 1];
  }

  #word(text: string): boolean {
    return this.#skip('word', text);
  }

  #sign(text: string): boolean {
    return this.#skip('sign', text);
  }

  #expect(sign: string): void {
    if (!this.#sign(sign)) throw new FilterError(`Expected "${sign}" instead of "${this.#peek}"`);
  }

  #skip(kind: Token['kind'], text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind || token.text.toLowerCase() !== text) return false;
    this.#at += 1;
    return true;
  }
}
