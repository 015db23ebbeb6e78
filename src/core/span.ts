/** A half-open span of time, epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Whether two half-open spans overlap or touch, so that together they are one. */
export function joins(a: Span, b: Span): boolean {
  return a.from <= b.to && b.from <= a.to;
}

/** Whether `inner` lies within `outer`. */
export function within(inner: Span, outer: Span): boolean {
  return outer.from <= inner.from && inner.to <= outer.to;
}

/** The smallest span that contains all of these (at least one). */
export function hull(spans: readonly [Span, ...Span[]]): Span {
  return {
    from: spans.reduce((least, { from }) => Math.min(least, from), Infinity),
    to: spans.reduce((most, { to }) => Math.max(most, to), -Infinity),
  };
}

/** The parts of `span` that are in none of `others`, in order. */
export function uncovered(span: Span, others: readonly Span[]): Span[] {
  const rest: Span[] = [];
  let { from } = span;
  for (const other of others.toSorted((a, b) => a.from - b.from)) {
    if (other.from >= span.to) break;
    if (other.from > from) rest.push({ from, to: other.from });
    from = Math.max(from, other.to);
  }
  return from < span.to ? [...rest, { from, to: span.to }] : rest;
}
