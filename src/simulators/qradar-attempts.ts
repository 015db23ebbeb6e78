import { toJson } from '../core/json.ts';
import type { Condition, Operand, Row } from './qradar-filter.ts';

/** One row of `/api/access/login_attempts`. Method and result are strings, because a console may send undocumented ones. */
export interface LoginAttempt {
  /** Epoch milliseconds. */
  readonly attempt_time: number;
  readonly user_id: number | bigint;
  readonly remote_ip: string;
  readonly attempt_result: string;
  readonly attempt_method: string;
}

/** A row as the console stores it. */
export class Entry {
  /** Epoch milliseconds, by which it is ordered. */
  readonly time: number;
  /** For filters and sorting; of a raw entry, only its time. */
  readonly row: Row;
  readonly shown: unknown;
  /** Shown whole, whatever `fields` asks for. */
  readonly raw: boolean;
  #text: string | undefined;

  constructor(time: number, row: Row, raw?: { readonly shown: unknown }) {
    this.time = time;
    this.row = row;
    this.shown = raw === undefined ? row : raw.shown;
    this.raw = raw !== undefined;
  }

  /** JSON with all fields; made once, because many pages of a large table would make it repeatedly. */
  get text(): string {
    return (this.#text ??= toJson(this.shown));
  }

  /** JSON with the requested fields only. */
  select(fields: readonly string[] | undefined): string {
    if (fields === undefined || this.raw) return this.text;
    const names = Object.keys(this.row);
    const kept = names.filter((name) => fields.includes(name));
    if (kept.length === names.length) return this.text;
    return toJson(Object.fromEntries(kept.map((name) => [name, this.row[name]])));
  }
}

export interface Order {
  readonly field: string;
  readonly descending: boolean;
}

/** The rows that match a condition, in order, as they are now. */
export interface View {
  readonly total: number;
  /** Entries of the half-open range of indices. */
  slice(from: number, to: number): readonly Entry[];
}

const NEWEST_FIRST: readonly Order[] = [{ field: 'attempt_time', descending: true }];

function merged(known: readonly Entry[], added: readonly Entry[]): readonly Entry[] {
  return known.length === 0 ? added : [...known, ...added].toSorted((one, other) => one.time - other.time);
}

/** Index of the first entry at or after `time`. */
function lowerBound(entries: readonly Entry[], time: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as Entry).time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function inOrder(one: Row, other: Row, order: readonly Order[]): number {
  for (const { field, descending } of order) {
    const [left, right] = [one[field] as Operand, other[field] as Operand];
    if (left < right) return descending ? 1 : -1;
    if (left > right) return descending ? -1 : 1;
  }
  return 0;
}

/** The console's table, in order of time: a page costs a search and its own rows, whatever the size of the table. */
export class Attempts {
  readonly #entries: Entry[] = [];
  /** Filtered or sorted views, by their key; dropped at every change. */
  readonly #views = new Map<string, View>();

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  add(rows: Iterable<LoginAttempt>): void {
    this.#insert(Array.from(rows, (row) => new Entry(row.attempt_time, { ...row })));
  }

  /** Adds a record that is shown unchanged; filters find it as if its `attempt_time` were `at`. */
  addRaw(at: number, shown: unknown): void {
    this.#insert([new Entry(at, { attempt_time: at }, { shown })]);
  }

  /** `key` identifies condition and order: the view is cached by it until something is added. */
  view(key: string, condition: Condition, order: readonly Order[] = NEWEST_FIRST): View {
    const byTime = order.length === 1 && order[0]?.field === 'attempt_time';
    if (byTime && condition.exact) return this.#searched(condition, order[0]?.descending === true);
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const sorted = this.#within(condition)
      .filter(({ row }) => condition.test(row))
      .toSorted((one, other) => inOrder(one.row, other.row, order));
    const view = { total: sorted.length, slice: (from: number, to: number) => sorted.slice(from, to) };
    this.#views.set(key, view);
    return view;
  }

  #searched(condition: Condition, descending: boolean): View {
    const first = lowerBound(this.#entries, condition.span.from);
    const end = Math.max(first, lowerBound(this.#entries, condition.span.to));
    const entries = this.#entries;
    return {
      total: end - first,
      slice(from, to) {
        if (!descending) return entries.slice(first + from, Math.min(end, first + to));
        return entries.slice(Math.max(first, end - to), Math.max(first, end - from)).toReversed();
      },
    };
  }

  #within({ span }: Condition): Entry[] {
    return this.#entries.slice(lowerBound(this.#entries, span.from), lowerBound(this.#entries, span.to));
  }

  /** Rows of the same time keep the order in which they were added. */
  #insert(added: Entry[]): void {
    added.sort((one, other) => one.time - other.time);
    const [earliest] = added;
    if (earliest === undefined) return;
    this.#views.clear();
    const later = this.#entries.splice(lowerBound(this.#entries, earliest.time + 1));
    for (const next of merged(later, added)) this.#entries.push(next);
  }
}
