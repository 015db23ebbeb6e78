import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Gap } from '../source.ts';
import type { GapState } from './journal.ts';
import { Query, orUndefined } from './query.ts';
import { hull, joins, within } from './spans.ts';

interface GapRow extends Gap {
  readonly id: number;
  readonly stream: string;
  readonly opened: number;
  readonly closed: number | null;
}

const COLUMNS = `
  SELECT gap.id, stream.key AS stream, part, reason, from_at AS "from", to_at AS "to", opened, closed
  FROM gap JOIN stream ON stream.id = gap.stream`;

/** What we know we do not have. Streams are row ids here, but for the key in what is returned. */
export class GapStore {
  readonly #all: Query<GapRow>;
  readonly #open: Query<GapRow>;
  readonly #add: StatementSync;
  readonly #remove: StatementSync;
  readonly #close: StatementSync;

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
      `INSERT INTO gap (stream, part, reason, from_at, to_at, opened)
       VALUES (:stream, :part, :reason, :from, :to, :opened)`,
    );
    this.#remove = database.prepare('DELETE FROM gap WHERE id = :id');
    this.#close = database.prepare('UPDATE gap SET closed = :now WHERE id = :id');
  }

  /** Of one stream, or of all. */
  of(stream?: number): readonly GapState[] {
    return this.#all.all({ stream: stream ?? null }).map(toState);
  }

  /** Adds a gap, unless a known open one of its reason and part holds it; those that it overlaps or touches grow by it. */
  open(stream: number, gap: Gap, now: number): void {
    const known = this.#openLike(stream, gap);
    if (known.some((other) => within(gap, other))) return;
    const joined = known.filter((other) => joins(other, gap));
    for (const { id } of joined) this.#remove.run({ id });
    this.#add.run({
      stream,
      part: gap.part,
      reason: gap.reason,
      ...hull([gap, ...joined]),
      opened: Math.min(now, ...joined.map(({ opened }) => opened)),
    });
  }

  /** Closes the open gaps of its reason and part that lie within it. */
  close(stream: number, gap: Gap, now: number): void {
    for (const known of this.#openLike(stream, gap)) {
      if (within(known, gap)) this.#close.run({ id: known.id, now });
    }
  }

  #openLike(stream: number, { reason, part }: Gap): readonly GapRow[] {
    return this.#open.all({ stream, reason, part });
  }
}

function toState({ stream, part, reason, from, to, opened, closed }: GapRow): GapState {
  return { stream, part, reason, from, to, opened, closed: orUndefined(closed) };
}
