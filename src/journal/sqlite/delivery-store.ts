import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { DestinationState, Position } from '../journal.ts';
import { Query, orUndefined } from './query.ts';
import { transact } from './transaction.ts';

/** How long a destination that left the configuration still holds back trimming. Milliseconds. */
const PATIENCE = 7 * 24 * 60 * 60 * 1000;
/** `seen` of the configured destinations is renewed this often: a daemon may run for months. Milliseconds. */
const RENEWAL = 60 * 60 * 1000;

interface DeliveryRow {
  readonly name: string;
  readonly sequence: number;
  readonly offset: number;
  readonly lastAnswer: string | null;
  readonly lastAnswerAt: number | null;
  readonly paused: string | null;
  readonly since: number | null;
  readonly seen: number;
}

const COLUMNS = `
  SELECT destination AS name, sequence, page_offset AS offset, last_answer AS lastAnswer, answered_at AS lastAnswerAt,
    paused, paused_at AS since, seen
  FROM delivery`;

/** How far each destination is. */
export class DeliveryStore {
  /** Those of the configuration in force. */
  #named: ReadonlySet<string> = new Set();
  readonly #database: DatabaseSync;
  readonly #open: StatementSync;
  readonly #all: Query<DeliveryRow>;
  readonly #one: Query<DeliveryRow>;
  readonly #advance: StatementSync;
  readonly #pass: StatementSync;
  readonly #pause: StatementSync;
  readonly #renew: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#open = database.prepare(
      `INSERT INTO delivery (destination, sequence, page_offset, seen)
       VALUES (:name, coalesce((SELECT min(sequence) FROM journal), 0), 0, :now)
       ON CONFLICT (destination) DO UPDATE SET seen = excluded.seen`,
    );
    this.#all = new Query(database, `${COLUMNS} ORDER BY destination`);
    this.#one = new Query(database, `${COLUMNS} WHERE destination = :name`);
    this.#advance = database.prepare(
      `UPDATE delivery SET last_answer = :answer, answered_at = :now,
         sequence = iif((:sequence, :offset) > (sequence, page_offset), :sequence, sequence),
         page_offset = iif((:sequence, :offset) > (sequence, page_offset), :offset, page_offset)
       WHERE destination = :name`,
    );
    this.#pass = database.prepare(
      `UPDATE delivery SET sequence = :sequence, page_offset = :offset
       WHERE destination = :name AND (:sequence, :offset) > (sequence, page_offset)`,
    );
    this.#pause = database.prepare(
      `UPDATE delivery SET paused = :reason,
         paused_at = iif(:reason IS NULL, NULL, coalesce(paused_at, :now))
       WHERE destination = :name`,
    );
    this.#renew = database.prepare(
      'UPDATE delivery SET seen = :now WHERE destination = :name AND seen NOT BETWEEN :before AND :now',
    );
  }

  open(names: readonly string[], now: number): void {
    transact(this.#database, () => {
      for (const name of names) this.#open.run({ name, now });
    });
    this.#named = new Set(names);
  }

  all(): readonly DestinationState[] {
    return this.#all.all().map(toState);
  }

  find(name: string): DestinationState | undefined {
    const row = this.#one.first({ name });
    return row && toState(row);
  }

  advance(name: string, { sequence, offset }: Position, answer: string, now: number): void {
    requireKnown(name, this.#advance.run({ name, sequence, offset, answer, now }).changes);
  }

  /** Moves a position forward without an answer. */
  pass(name: string, { sequence, offset }: Position): void {
    this.#pass.run({ name, sequence, offset });
  }

  setPaused(name: string, reason: string | undefined, now: number): void {
    requireKnown(name, this.#pause.run({ name, reason: reason ?? null, now }).changes);
  }

  renew(now: number): void {
    for (const name of this.#named) this.#renew.run({ name, now, before: now - RENEWAL });
  }

  /**
   * The position that every destination which counts has reached: those configured, and those that were until
   * recently. Undefined when there is none, and then nothing may be trimmed.
   */
  slowest(now: number): Position | undefined {
    const counting = this.all().filter(({ name, seen }) => this.#named.has(name) || now - seen < PATIENCE);
    return counting
      .map(({ position }) => position)
      .toSorted((a, b) => a.sequence - b.sequence || a.offset - b.offset)[0];
  }
}

function toState({
  sequence,
  offset,
  lastAnswer,
  lastAnswerAt,
  paused,
  since,
  ...row
}: DeliveryRow): DestinationState {
  return {
    ...row,
    position: { sequence, offset },
    lastAnswer: orUndefined(lastAnswer),
    lastAnswerAt: orUndefined(lastAnswerAt),
    paused: orUndefined(paused),
    since: orUndefined(since),
  };
}

function requireKnown(name: string, changes: number | bigint): void {
  if (Number(changes) === 0) throw new Error(`Destination ${name} is written to and was never opened.`);
}
