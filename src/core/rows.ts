import { setImmediate as turn } from 'node:timers/promises';
import { parseJson, type ParseOptions, CODE, type Extent, JsonScanner } from './json.ts';
import { isReadable, Unreadable } from './read-record.ts';
import { type BatchPlace, Filling, PAGE, type RowBatch } from './row-batches.ts';

/** Which arrays of a document are lists of rows. They may be long. */
export type Shape =
  /** A list of rows. `of`: lists inside each row. */
  | { readonly rows: true; readonly of?: Shape }
  /** An object with lists in it, by the names of its members. */
  | { readonly members: Readonly<Record<string, Shape>> };

/** Members with longer names are never in a `Shape`. Bytes. */
const LONGEST_NAME = 1_024;

/** The event loop gets a turn after this many bytes. */
const TURN = 1_048_576;

/** A list of rows that are parsed when they are read. */
export class Rows {
  readonly length: number;
  readonly batches: readonly RowBatch[];
  readonly #make: (place: number) => unknown;

  constructor(batches: readonly RowBatch[], make: (place: number) => unknown = () => undefined) {
    this.batches = batches;
    this.#make = make;
    this.length = batches.reduce((sum, { size }) => sum + size, 0);
  }

  /** A list of rows that are in memory already. */
  static of(...rows: readonly unknown[]): Rows {
    const given = () => rows;
    const places = () => [...rows.keys()];
    const batch = { size: rows.length, bytes: 0, rows: given, asWritten: given, places };
    return new Rows(rows.length === 0 ? [] : [batch], (place) => rows[place]);
  }

  /** Parses the row at a place; see `RowBatch.places`. */
  at(place: number): unknown {
    return this.#make(place);
  }

  /** The rows one by one, with at most one batch in memory. */
  *[Symbol.iterator](): Iterator<unknown> {
    for (const batch of this.batches) yield* batch.rows();
  }
}

/**
 * Reads a document and turns its arrays of this shape into `Rows`. A value that is not an array stays as it is. The whole
 * text is scanned before this resolves, and the event loop gets turns meanwhile.
 *
 * @throws SyntaxError when any part of the text is not JSON
 */
export async function readRows(
  bytes: Uint8Array,
  shape: Shape | undefined,
  options: ParseOptions = {},
): Promise<unknown> {
  // Putting a long body together and scanning its beginning are two turns.
  if (bytes.length > TURN) await turn();
  const scanner = new JsonScanner(bytes);
  const reading = new Reader(scanner, options).read(shape);
  let step = reading.next();
  for (; step.done !== true; step = reading.next()) await turn();
  scanner.end();
  return step.value;
}

/** The event loop gets a turn at each `yield`. */
type Steps<T> = Generator<void, T>;

class Reader {
  readonly #scanner: JsonScanner;
  readonly #options: ParseOptions;
  #nextTurn: number;

  constructor(scanner: JsonScanner, options: ParseOptions) {
    this.#scanner = scanner;
    this.#options = options;
    this.#nextTurn = scanner.at + TURN;
  }

  *read(shape: Shape | undefined): Steps<unknown> {
    const code = this.#scanner.peek();
    if (shape !== undefined && 'rows' in shape && code === CODE.openList) return yield* this.#list(shape.of);
    if (shape !== undefined && 'members' in shape && code === CODE.openObject) {
      return yield* this.#object(shape.members);
    }
    return this.make(yield* this.#value());
  }

  /** Parses the value at an extent. */
  make(extent: Extent): unknown {
    const bytes = this.#scanner.bytes.subarray(extent.from, extent.to);
    return isReadable(extent)
      ? parseJson(textOf(bytes), this.#options, extent.longNumbers)
      : new Unreadable(bytes, extent);
  }

  *#list(of: Shape | undefined): Steps<Rows> {
    const { bytes } = this.#scanner;
    const filling = new Filling((page) => new ParsedBatch(bytes, page, { of, options: this.#options }));
    const large = new Map<number, RowBatch>();
    this.#scanner.take(CODE.openList);
    if (!this.#scanner.skip(CODE.closeList)) {
      do {
        const row = yield* this.#value();
        if (row.to - row.from > PAGE.bytes) {
          const batch = yield* this.#largeRow(row, of);
          filling.push(batch);
          large.set(row.from, batch);
        } else filling.add(row);
        if (this.#scanner.at >= this.#nextTurn) yield* this.#pause();
      } while (this.#scanner.skip(CODE.comma));
      this.#scanner.take(CODE.closeList);
    }
    const at = (place: number) => rowAt(new JsonScanner(bytes, place), of, this.#options);
    return new Rows(filling.end(), (place) => large.get(place)?.rows()[0] ?? at(place));
  }

  /** The batch of a row that is too long to be scanned in one turn: what scanning it gives is kept. */
  *#largeRow(row: Extent, of: Shape | undefined): Steps<RowBatch> {
    const { bytes } = this.#scanner;
    yield* this.#pause();
    let rows = () => [this.make(row)];
    if (of !== undefined) {
      const read = yield* new Reader(new JsonScanner(bytes, row.from), this.#options).read(of);
      rows = () => [read];
    } else if (!isReadable(row)) {
      const unreadable = this.make(row);
      rows = () => [unreadable];
    }
    const asWritten = () => [new Reader(this.#scanner, {}).make(row)];
    return { size: 1, bytes: row.to - row.from, rows, asWritten, places: () => [row.from] };
  }

  /** Members without rows share the limit of one batch; what exceeds it is left out. */
  *#object(shapes: Readonly<Record<string, Shape>>): Steps<object> {
    const members: [string, unknown][] = [];
    let left: number = PAGE.bytes;
    this.#scanner.take(CODE.openObject);
    if (this.#scanner.skip(CODE.closeObject)) return {};
    do {
      const from = this.#scanner.at;
      const place = this.#scanner.name();
      const name = place.to - place.from > LONGEST_NAME ? '' : this.#nameOf(place);
      if (Object.hasOwn(shapes, name)) members.push([name, yield* this.read(shapes[name])]);
      else {
        const value = yield* this.#value();
        left -= value.to - from;
        if (left >= 0) members.push([name, this.make(value)]);
      }
      if (this.#scanner.at >= this.#nextTurn) yield* this.#pause();
    } while (this.#scanner.skip(CODE.comma));
    this.#scanner.take(CODE.closeObject);
    return Object.fromEntries(members);
  }

  #nameOf({ from, to }: Pick<Extent, 'from' | 'to'>): string {
    return String(JSON.parse(textOf(this.#scanner.bytes.subarray(from, to))));
  }

  *#value(): Steps<Extent> {
    this.#scanner.begin();
    for (;;) {
      const extent = this.#scanner.advance(this.#nextTurn);
      if (extent !== undefined) return extent;
      yield* this.#pause();
    }
  }

  *#pause(): Steps<void> {
    this.#nextTurn = this.#scanner.at + TURN;
    yield;
  }
}

interface Manner {
  readonly of: Shape | undefined;
  readonly options: ParseOptions;
}

class ParsedBatch implements RowBatch {
  readonly size: number;
  readonly bytes: number;
  readonly #bytes: Uint8Array;
  readonly #place: BatchPlace;
  readonly #how: Manner;

  constructor(bytes: Uint8Array, place: BatchPlace, how: Manner) {
    this.size = place.size;
    this.bytes = place.to - place.from;
    this.#bytes = bytes;
    this.#place = place;
    this.#how = how;
  }

  rows(): readonly unknown[] {
    return this.#make(this.#how);
  }

  asWritten(): readonly unknown[] {
    return this.#make({ of: undefined, options: {} });
  }

  #make({ of, options }: Manner): readonly unknown[] {
    const { from, to, plain, longNumbers } = this.#place;
    if (plain && of === undefined) {
      const text = `[${textOf(this.#bytes.subarray(from, to))}]`;
      return parseJson(text, options, longNumbers) as readonly unknown[];
    }
    const scanner = new JsonScanner(this.#bytes, from);
    return this.#each(scanner, () => rowAt(scanner, of, options));
  }

  places(): readonly number[] {
    const scanner = new JsonScanner(this.#bytes, this.#place.from);
    return this.#each(scanner, () => scanner.value().from);
  }

  #each<T>(scanner: JsonScanner, take: () => T): T[] {
    return Array.from({ length: this.size }, (_, index) => {
      if (index > 0) scanner.take(CODE.comma);
      return take();
    });
  }
}

/** Without turns of the event loop: the rows of one batch are parsed at once. */
function rowAt(scanner: JsonScanner, of: Shape | undefined, options: ParseOptions): unknown {
  const steps = new Reader(scanner, options).read(of);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
