import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EcsEvent } from '../../core/event.ts';
import type { DeadLetter } from '../dead-letter.ts';
import type { DeadLetterOutline, HeldDeadLetter, Lane } from '../journal.ts';
import { Query, orUndefined } from './query.ts';
import { fromStored, toStored } from './stored-text.ts';

interface DeadLetterRow {
  readonly id: number;
  readonly destination: string;
  readonly stream: string;
  readonly source: string;
  readonly dataset: string;
  readonly lane: Lane;
  readonly observedAt: number;
  readonly uid: string;
  readonly status: number | null;
  readonly reason: string;
  readonly at: number;
  readonly event: string;
}

/** Events that a destination refused for good, with the reason. */
export class DeadLetterStore {
  readonly #put: StatementSync;
  readonly #all: Query<DeadLetterRow>;
  readonly #bytes: Query<{ bytes: number }>;
  readonly #count: Query<{ letters: number }>;
  readonly #first: Query<{ at: number }>;
  readonly #last: Query<{ reason: string }>;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync) {
    this.#put = database.prepare(
      `INSERT INTO dead_letter (destination, stream, dataset, lane, uid, at, status, reason, observed_at, event)
       SELECT :destination, id, :dataset, :lane, :uid, :at, :status, :reason, :observedAt, :event
       FROM stream WHERE key = :stream
       ON CONFLICT (destination, uid) DO UPDATE SET at = excluded.at, status = excluded.status, reason = excluded.reason`,
    );
    this.#all = new Query(
      database,
      `SELECT dead_letter.id, destination, stream.key AS stream, source, dataset, lane, observed_at AS observedAt, uid, status,
         reason, at, event
       FROM dead_letter JOIN stream ON stream.id = dead_letter.stream
       WHERE :destination IS NULL OR destination = :destination ORDER BY dead_letter.id`,
    );
    this.#bytes = new Query(database, "SELECT bytes FROM held WHERE what = 'dead letters'");
    this.#count = new Query(
      database,
      'SELECT count(*) AS letters FROM dead_letter WHERE destination = :destination',
    );
    this.#first = new Query(
      database,
      'SELECT at FROM dead_letter WHERE destination = :destination ORDER BY id LIMIT 1',
    );
    this.#last = new Query(
      database,
      'SELECT reason FROM dead_letter WHERE destination = :destination ORDER BY id DESC LIMIT 1',
    );
    this.#remove = database.prepare('DELETE FROM dead_letter WHERE destination = :destination AND id = :id');
  }

  put(destination: string, letter: DeadLetter): void {
    const { stream, dataset, lane, observedAt, uid, event, status, reason, at } = letter;
    const { changes } = this.#put.run({
      destination,
      stream: toStored(stream),
      dataset,
      lane,
      observedAt,
      uid,
      reason,
      at,
      status: status ?? null,
      event: JSON.stringify(event),
    });
    if (Number(changes) === 0)
      throw new Error(`A dead letter names the stream ${stream}, which was never opened.`);
  }

  remove(destination: string, id: number): void {
    this.#remove.run({ destination, id });
  }

  bytes(): number {
    return this.#bytes.first()?.bytes ?? 0;
  }

  count(destination: string): number {
    return this.#count.first({ destination })?.letters ?? 0;
  }

  /** Since when there are some, and the words about the last one. */
  outline(destination: string): DeadLetterOutline {
    const count = this.count(destination);
    if (count === 0) return { count, since: undefined, lastReason: undefined };
    return {
      count,
      since: this.#first.first({ destination })?.at,
      lastReason: this.#last.first({ destination })?.reason,
    };
  }

  /** Of one destination, or of all; oldest first. */
  of(destination?: string): readonly HeldDeadLetter[] {
    return this.#all.all({ destination: destination ?? null }).map((row) => ({
      ...row,
      stream: fromStored(row.stream),
      status: orUndefined(row.status),
      event: JSON.parse(row.event) as EcsEvent,
    }));
  }
}
