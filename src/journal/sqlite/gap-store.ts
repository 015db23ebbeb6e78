import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Gap } from '../../core/source.ts';
import type { GapState } from '../journal.ts';
import { Query, orUndefined } from './query.ts';
import { fromStored, toStored } from './stored-text.ts';
import { hull, joins, within } from '../../core/span.ts';

interface GapRow extends Gap {
  readonly id: number;
  readonly stream: string;
  readonly opened: number;
  readonly closed: number | null;
  readonly told: number;
}

const COLUMNS = `
  SELECT gap.id, stream.key AS stream, part, reason, from_at AS "from", to_at AS "to", opened, closed, told
  FROM gap JOIN stream ON stream.id = gap.stream`;

/** What we know we do not have. Streams are row ids here, but for the key in what is returned. */
export class GapStore {
  readonly #all: Query<GapRow>;
  readonly #open: Query<GapRow>;
  readonly #add: StatementSync;
  readonly #remove: StatementSync;
  readonly #close: StatementSync;
  readonly #closeBefore: StatementSync;
  readonly #tell: StatementSync;

  constructor(database: DatabaseSync) {
    this.#all = new Query(
      database,
      `${COLUMNS} WHERE :stream IS NULL OR gap.stream = :stream ORDER BY from_at, gap.id`,
    );
    this.#open = new Query(
      database,
      `${COLUMNS} WHERE gap.stream = :stream AND reason = :reason AND part = :part AND closed IS NULL`,
    );
    this.#add = database.prepare(
      `INSERT INTO gap (stream, part, reason, from_at, to_at, opened, told)
       VALUES (:stream, :part, :reason, :from, :to, :opened, :told)`,
    );
    this.#remove = database.prepare('DELETE FROM gap WHERE id = :id');
    this.#tell = database.prepare('UPDATE gap SET told = 1 WHERE id = :id');
    this.#closeBefore = database.prepare(
      `UPDATE gap SET closed = :now
       WHERE stream = :stream AND reason = :reason AND closed IS NULL AND to_at <= :before`,
    );
    this.#close = database.prepare('UPDATE gap SET closed = :now WHERE id = :id');
  }

  /** Of one stream, or of all. */
  of(stream?: number): readonly GapState[] {
    return this.#all.all({ stream: stream ?? null }).map(toState);
  }

  /**
   * Adds a gap, unless a known open one of its reason and part holds it; those that it overlaps or touches grow by it.
   * `told`: an event tells it; what grows without one is to be told anew.
   */
  open(stream: number, gap: Gap, { now, told }: { readonly now: number; readonly told: boolean }): void {
    const known = this.#openLike(stream, gap);
    const holder = known.find((other) => within(gap, other));
    if (holder !== undefined) {
      if (told && within(holder, gap)) this.#tell.run({ id: holder.id });
      return;
    }
    const joined = known.filter((other) => joins(other, gap));
    for (const { id } of joined) this.#remove.run({ id });
    this.#add.run({
      stream,
      part: toStored(gap.part),
      reason: gap.reason,
      ...hull([gap, ...joined]),
      opened: Math.min(now, ...joined.map(({ opened }) => opened)),
      told: Number(told && joined.every((other) => other.told === 1)),
    });
  }

  /** Adds a gap that nothing tells yet, as one with those of its reason and part that are open, whatever lies between. */
  extend(stream: number, gap: Gap, now: number): void {
    this.open(stream, { ...gap, ...hull([gap, ...this.#openLike(stream, gap)]) }, { now, told: false });
  }

  /** Closes the open gaps of a reason that end before a time. */
  closeBefore(stream: number, reason: string, before: number, now: number): void {
    this.#closeBefore.run({ stream, reason, before, now });
  }

  /** Closes the open gaps of its reason and part that lie within it. */
  close(stream: number, gap: Gap, now: number): void {
    for (const known of this.#openLike(stream, gap)) {
      if (within(known, gap)) this.#close.run({ id: known.id, now });
    }
  }

  #openLike(stream: number, { reason, part }: Gap): readonly GapRow[] {
    return this.#open.all({ stream, reason, part: toStored(part) });
  }
}

function toState({ stream, part, reason, from, to, opened, closed, told }: GapRow): GapState {
  return {
    stream: fromStored(stream),
    part: fromStored(part),
    reason,
    from,
    to,
    opened,
    closed: orUndefined(closed),
    ...(told === 0 && { unemitted: true }),
  };
}
