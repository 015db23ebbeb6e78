import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parseJson, toJson, type Json } from '../../core/json.ts';
import { Query, orUndefined } from './query.ts';
import type { HeldRequest, LeftRequest } from '../request.ts';
import { transact } from './transaction.ts';

/** Finished requests are forgotten after this. Milliseconds. */
const KEPT = 7 * 24 * 60 * 60 * 1000;

interface RequestRow {
  readonly id: number;
  readonly kind: LeftRequest['kind'];
  readonly source: string | null;
  readonly destination: string | null;
  readonly details: string;
  readonly created: number;
  readonly progress: string | null;
  readonly finished: number | null;
  readonly outcome: string | null;
}

const COLUMNS =
  'SELECT id, kind, source, destination, details, created, progress, finished, outcome FROM request';

/** What commands ask of the holder of the state. */
export class RequestStore {
  readonly #database: DatabaseSync;
  readonly #same: Query<{ id: number }>;
  readonly #add: Query<{ id: number }>;
  readonly #open: Query<RequestRow>;
  readonly #one: Query<RequestRow>;
  readonly #note: StatementSync;
  readonly #finish: StatementSync;
  readonly #forget: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#same = new Query(
      database,
      `SELECT id FROM request WHERE finished IS NULL AND kind = :kind AND source IS :source
         AND destination IS :destination AND details = :details`,
    );
    this.#add = new Query(
      database,
      `INSERT INTO request (kind, source, destination, details, created)
       VALUES (:kind, :source, :destination, :details, :now) RETURNING id`,
    );
    this.#open = new Query(database, `${COLUMNS} WHERE finished IS NULL ORDER BY id`);
    this.#one = new Query(database, `${COLUMNS} WHERE id = :id`);
    this.#note = database.prepare('UPDATE request SET progress = :progress WHERE id = :id');
    this.#finish = database.prepare('UPDATE request SET finished = :now, outcome = :outcome WHERE id = :id');
    this.#forget = database.prepare('DELETE FROM request WHERE finished < :before');
  }

  leave({ kind, source, destination, details }: LeftRequest, now: number): number {
    const asked = {
      kind,
      source: source ?? null,
      destination: destination ?? null,
      details: toJson(details),
    };
    return transact(this.#database, () => {
      this.#forget.run({ before: now - KEPT });
      const row = this.#same.first(asked) ?? this.#add.first({ ...asked, now });
      return (row as { id: number }).id;
    });
  }

  open(): readonly HeldRequest[] {
    return this.#open.all().map(toHeld);
  }

  find(id: number): HeldRequest | undefined {
    const row = this.#one.first({ id });
    return row && toHeld(row);
  }

  note(id: number, progress: Json): void {
    this.#note.run({ id, progress: toJson(progress) });
  }

  finish(id: number, outcome: Json, now: number): void {
    this.#finish.run({ id, outcome: toJson(outcome), now });
  }
}

function toHeld({
  source,
  destination,
  details,
  progress,
  finished,
  outcome,
  ...row
}: RequestRow): HeldRequest {
  return {
    ...row,
    source: orUndefined(source),
    destination: orUndefined(destination),
    details: parseJson(details) as Json,
    progress: progress === null ? undefined : parseJson(progress),
    finished: orUndefined(finished),
    outcome: outcome === null ? undefined : parseJson(outcome),
  };
}
