import type { Gap, Span } from '../../core/source.ts';
import { hull, joins, uncovered, within } from '../../core/span.ts';
import type { CoverageStore, GapState, GapStore } from '../collection.ts';
import { fromStored, toStored } from '../stored-text.ts';
import { type Connection, orUndefined } from './connection.ts';
import type { SqliteStreams } from './streams.ts';

/** Disjoint half-open spans that never touch. */
export class SqliteCoverage implements CoverageStore {
  readonly #connection: Connection;
  readonly #streams: SqliteStreams;

  constructor(connection: Connection, streams: SqliteStreams) {
    this.#connection = connection;
    this.#streams = streams;
  }

  async of(stream: string): Promise<readonly Span[]> {
    return this.spansOf(this.#streams.find(stream));
  }

  spansOf(stream: number | null): readonly Span[] {
    const rows = this.#connection.all<Span>(
      'SELECT from_at AS "from", to_at AS "to" FROM coverage WHERE stream = :stream ORDER BY from_at',
      { stream },
    );
    return rows.map(({ from, to }) => ({ from, to }));
  }

  /** Joins the span with all that it overlaps or touches. An empty span covers nothing. */
  add(stream: number, span: Span): void {
    const { from, to } = span;
    if (from >= to) return;
    const joined = this.#connection.all<Span>(
      `SELECT from_at AS "from", to_at AS "to" FROM coverage
       WHERE stream = :stream AND from_at <= :to AND to_at >= :from`,
      { stream, from, to },
    );
    for (const other of joined)
      this.#connection.run('DELETE FROM coverage WHERE stream = :stream AND from_at = :from', {
        stream,
        from: other.from,
      });
    this.#connection.run('INSERT INTO coverage (stream, from_at, to_at) VALUES (:stream, :from, :to)', {
      stream,
      ...hull([span, ...joined]),
    });
  }
}

interface GapRow extends Gap {
  readonly id: number;
  readonly stream: string;
  readonly opened: number;
  readonly closed: number | null;
  readonly emitted: number;
}

const SELECT = `
  SELECT gap.id, stream.key AS stream, part, reason, from_at AS "from", to_at AS "to", opened, closed, emitted
  FROM gap JOIN stream ON stream.id = gap.stream`;
const SELECT_ALL = `${SELECT} ORDER BY from_at, gap.id`;
const SELECT_OF_STREAM = `${SELECT} WHERE gap.stream = :stream ORDER BY from_at, gap.id`;
const SELECT_OPEN_OF_REASON = `${SELECT} WHERE gap.stream = :stream AND reason = :reason AND closed IS NULL`;
const SELECT_OPEN = `${SELECT} WHERE gap.stream = :stream AND reason = :reason AND part = :part AND closed IS NULL`;

/** What is known to be missing. */
export class SqliteGaps implements GapStore {
  readonly #connection: Connection;
  readonly #streams: SqliteStreams;
  readonly #coverage: SqliteCoverage;

  constructor(connection: Connection, streams: SqliteStreams, coverage: SqliteCoverage) {
    this.#connection = connection;
    this.#streams = streams;
    this.#coverage = coverage;
  }

  async of(stream?: string): Promise<readonly GapState[]> {
    const rows =
      stream === undefined
        ? this.#connection.all<GapRow>(SELECT_ALL)
        : this.#connection.all<GapRow>(SELECT_OF_STREAM, { stream: this.#streams.find(stream) });
    return rows.map(toState);
  }

  /**
   * Adds a gap, unless it lies within a known open one of its reason and part; those that it overlaps or touches are merged
   * with it. `emitted`: an event was sent about it. A gap that grows without one is emitted again.
   */
  open(
    stream: number,
    gap: Gap,
    { now, emitted }: { readonly now: number; readonly emitted: boolean },
  ): void {
    const known = this.#openLike(stream, gap);
    const holder = known.find((other) => within(gap, other));
    if (holder !== undefined) {
      if (emitted && within(holder, gap))
        this.#connection.run('UPDATE gap SET emitted = 1 WHERE id = :id', { id: holder.id });
      return;
    }
    const joined = known.filter((other) => joins(other, gap));
    for (const { id } of joined) this.#connection.run('DELETE FROM gap WHERE id = :id', { id });
    this.#connection.run(
      `INSERT INTO gap (stream, part, reason, from_at, to_at, opened, emitted)
       VALUES (:stream, :part, :reason, :from, :to, :opened, :emitted)`,
      {
        stream,
        part: toStored(gap.part),
        reason: gap.reason,
        ...hull([gap, ...joined]),
        opened: Math.min(now, ...joined.map(({ opened }) => opened)),
        emitted: Number(emitted && joined.every((other) => other.emitted === 1)),
      },
    );
  }

  /** Adds an unemitted gap, as one with all open ones of its reason and part, whatever lies between them. */
  extend(stream: number, gap: Gap, now: number): void {
    const whole = { ...gap, ...hull([gap, ...this.#openLike(stream, gap)]) };
    this.open(stream, whole, { now, emitted: false });
  }

  /** Closes the open gaps of a reason whose span is covered by now, and those that end by `caughtUpTo`. */
  closeCovered(stream: number, reason: string, caughtUpTo: number, now: number): void {
    const open = this.#connection.all<GapRow>(SELECT_OPEN_OF_REASON, { stream, reason });
    if (open.length === 0) return;
    const covered = this.#coverage.spansOf(stream);
    for (const gap of open)
      if (gap.to <= caughtUpTo || uncovered(gap, covered).length === 0) this.#close(gap.id, now);
  }

  /** Closes the open gaps of a reason that end before a time. */
  closeBefore(stream: number, reason: string, before: number, now: number): void {
    this.#connection.run(
      `UPDATE gap SET closed = :now
       WHERE stream = :stream AND reason = :reason AND closed IS NULL AND to_at <= :before`,
      { stream, reason, before, now },
    );
  }

  /** Closes the open gaps of its reason and part that lie within it. */
  close(stream: number, gap: Gap, now: number): void {
    for (const { id, ...known } of this.#openLike(stream, gap)) if (within(known, gap)) this.#close(id, now);
  }

  #close(id: number, now: number): void {
    this.#connection.run('UPDATE gap SET closed = :now WHERE id = :id', { id, now });
  }

  #openLike(stream: number, { reason, part }: Gap): readonly GapRow[] {
    return this.#connection.all(SELECT_OPEN, { stream, reason, part: toStored(part) });
  }
}

function toState({ stream, part, reason, from, to, opened, closed, emitted }: GapRow): GapState {
  return {
    stream: fromStored(stream),
    part: fromStored(part),
    reason,
    from,
    to,
    opened,
    closed: orUndefined(closed),
    ...(emitted === 0 && { unemitted: true }),
  };
}
