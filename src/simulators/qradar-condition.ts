import type { Span } from '../core/source.ts';

/** A row as conditions see it: field name → value. */
export type Row = Readonly<Record<string, unknown>>;

export type Operand = string | number | bigint;

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** What a filter asks of a row, and the span of times outside of which no row can fulfil it, so that it is found by search. */
export interface Condition {
  readonly test: (row: Row) => boolean;
  readonly span: Span;
  /** Every row within the span fulfils it; `test` need not be asked. */
  readonly exact: boolean;
}

const EVER: Span = { from: -Infinity, to: Infinity };

/** Times of `time` compared so; whole numbers. */
const SPANS: Readonly<Record<Exclude<Comparison, '!='>, (time: number) => Span>> = {
  '=': (time) => ({ from: time, to: time + 1 }),
  '<': (time) => ({ from: -Infinity, to: time }),
  '<=': (time) => ({ from: -Infinity, to: time + 1 }),
  '>': (time) => ({ from: time + 1, to: Infinity }),
  '>=': (time) => ({ from: time, to: Infinity }),
};

/** Order, not identity, decides equality, because numbers and BigInts are compared with each other. */
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

/** `timed`: the field is the one by which the rows are ordered, a whole number. */
export function compare(field: string, comparison: Comparison, operand: Operand, timed: boolean): Condition {
  const test = (row: Row) => holds(row[field], comparison, operand);
  if (!timed || comparison === '!=') return { test, span: EVER, exact: false };
  return { test, span: SPANS[comparison](Number(operand)), exact: true };
}

function holds(value: unknown, comparison: Comparison, operand: Operand): boolean {
  if (value === undefined || value === null) return false;
  return TESTS[comparison]((value as Operand) < operand, (value as Operand) > operand);
}
