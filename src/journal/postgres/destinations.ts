import type { BacklogLimit } from '../../config/types.ts';
import type { DestinationGap, DestinationStore, Position, Skip, StoredDestination } from '../delivery.ts';
import { backlogLimits, RENEWED_EVERY, slowestOf, START } from '../destination-rules.ts';
import type { Acknowledgement } from '../journal.ts';
import type { PostgresBacklog } from './backlog.ts';
import type { Database, Transaction } from './database.ts';
import type { PostgresDeadLetters } from './dead-letters.ts';
import { addGap, END_GAP, gapsOf } from './destination-gaps.ts';
import type { PostgresLeases } from './leases.ts';
import type { SeenPages } from './seen-pages.ts';

interface DestinationRow extends Position {
  readonly name: string;
  readonly lastResponse: string | null;
  readonly lastResponseAt: number | null;
  readonly paused: string | null;
  readonly since: number | null;
  readonly lastNamed: number;
}

const SELECT = `
  SELECT name, sequence, page_offset AS offset, last_response AS "lastResponse", responded_at AS "lastResponseAt",
    paused, paused_at AS since, last_named AS "lastNamed"
  FROM penstock.destination`;
const SELECT_ALL = `${SELECT} ORDER BY name`;
const SELECT_ONE = `${SELECT} WHERE name = $1`;

const OPEN = `
  INSERT INTO penstock.destination (name, sequence, page_offset, last_named)
  SELECT name, coalesce((SELECT min(sequence) FROM penstock.page), 0), 0, $2 FROM unnest($1::text[]) AS name ORDER BY name
  ON CONFLICT (name) DO UPDATE SET last_named = excluded.last_named`;
const SET_PAUSED = `
  UPDATE penstock.destination SET paused = $2::text,
    paused_at = CASE WHEN $2::text IS NOT NULL THEN coalesce(paused_at, $3) END
  WHERE name = $1`;
const IS_AHEAD = '($2::bigint, $3::integer) > (sequence, page_offset)';
const MOVE = `
  UPDATE penstock.destination SET sequence = $2, page_offset = $3 WHERE name = $1 AND ${IS_AHEAD}`;
const ACKNOWLEDGE = `
  UPDATE penstock.destination SET last_response = $4, responded_at = $5,
    sequence = CASE WHEN ${IS_AHEAD} THEN $2 ELSE sequence END,
    page_offset = CASE WHEN ${IS_AHEAD} THEN $3 ELSE page_offset END
  WHERE name = $1 RETURNING name`;
/** Never waits for a row that an acknowledgement holds: the next time is early enough. */
const RENEW = `
  UPDATE penstock.destination SET last_named = $2 WHERE name IN (
    SELECT name FROM penstock.destination WHERE name = ANY($1) AND last_named NOT BETWEEN $3 AND $2
    FOR UPDATE SKIP LOCKED)`;

/** What a destination needs of the rest of the journal. */
export interface DestinationParts {
  readonly backlog: PostgresBacklog;
  readonly deadLetters: PostgresDeadLetters;
  /** `state.max_bytes`. */
  readonly maxBytes: number;
  readonly seen: SeenPages;
  /** Only of a process that holds what it works on. */
  readonly leases: Pick<PostgresLeases, 'behind'> | undefined;
}

/** How far each destination is, and what it was not sent because too much waited for it. */
export class PostgresDestinations implements DestinationStore {
  readonly #database: Database;
  readonly #parts: DestinationParts;
  /** Those of the configuration in force. */
  #named: ReadonlySet<string> = new Set();

  constructor(database: Database, parts: DestinationParts) {
    this.#database = database;
    this.#parts = parts;
  }

  async open(names: readonly string[], now: number): Promise<void> {
    await this.#database.transact((transaction) => transaction.last(OPEN, [names, now]));
    this.#named = new Set(names);
  }

  async all(): Promise<readonly StoredDestination[]> {
    return (await this.#database.query<DestinationRow>(SELECT_ALL)).map(toState);
  }

  async setPaused(name: string, reason: string | undefined, now: number): Promise<void> {
    await this.#fenced(name, async (transaction) => {
      requireOpened(name, await transaction.run(SET_PAUSED, [name, reason, now]));
    });
  }

  async waiting(name: string, sources?: readonly string[]): Promise<number> {
    return this.#parts.backlog.waiting(await this.#positionOf(name), sources);
  }

  async oldestWaiting(name: string, sources?: readonly string[]): Promise<number | undefined> {
    return this.#parts.backlog.oldest(await this.#positionOf(name), sources);
  }

  async backlogBeyond(
    name: string,
    limit: BacklogLimit,
    now: number,
    sources?: readonly string[],
  ): Promise<Position | undefined> {
    const limits = backlogLimits(limit, this.#parts.maxBytes, now);
    const last = await this.#parts.backlog.beyond(await this.#positionOf(name), limits, sources);
    return last === undefined ? undefined : { sequence: last + 1, offset: 0 };
  }

  async skip(name: string, { position, missed, deadLetters }: Skip, now: number): Promise<boolean> {
    return this.#fenced(name, async (transaction) => {
      const [moved] = await Promise.all([
        transaction.run(MOVE, [name, position.sequence, position.offset]),
        this.#parts.deadLetters.put(transaction, name, deadLetters),
        this.#requireSame(transaction, name, position),
      ]);
      return moved > 0 && missed !== undefined && addGap(transaction, name, missed, now);
    });
  }

  async endGap(name: string, now: number): Promise<void> {
    await this.#fenced(name, (transaction) => transaction.last(END_GAP, [name, now]));
  }

  async gaps(): Promise<readonly DestinationGap[]> {
    return gapsOf(this.#database);
  }

  /** A destination's new position, and what it rejected before it: both, or neither. */
  async acknowledge(name: string, acknowledgement: Acknowledgement): Promise<void> {
    const { position, response, now, deadLetters = [] } = acknowledgement;
    await this.#fenced(name, async (transaction) => {
      const [moved] = await Promise.all([
        transaction.run(ACKNOWLEDGE, [name, position.sequence, position.offset, response, now]),
        this.#parts.deadLetters.put(transaction, name, deadLetters),
        this.#requireSame(transaction, name, position),
      ]);
      requireOpened(name, moved);
    });
  }

  /** Notes that the configured destinations still are configured. */
  async renew(now: number): Promise<void> {
    const parameters = [[...this.#named], now, now - RENEWED_EVERY];
    await this.#database.transact((transaction) => transaction.last(RENEW, parameters));
  }

  /**
   * The position that every destination which counts has reached: those configured, and those that were until
   * recently. Undefined when there is none, and then nothing may be trimmed.
   */
  async slowest(now: number): Promise<Position | undefined> {
    return slowestOf(await this.all(), this.#named, now);
  }

  /** The pages that a new position passes are those that were sent. @throws LeaseLostError the database went back */
  async #requireSame(transaction: Transaction, name: string, position: Position): Promise<void> {
    const { leases, seen } = this.#parts;
    if (leases === undefined || (await seen.isThere(transaction, position))) return;
    throw leases.behind({ kind: 'destination', name }, 'a page that was sent is missing');
  }

  async #fenced<T>(name: string, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#database.fenced({ kind: 'destination', name }, work);
  }

  async #positionOf(name: string): Promise<Position> {
    const [row] = await this.#database.query<DestinationRow>(SELECT_ONE, [name]);
    return row === undefined ? START : toState(row).position;
  }
}

function toState({ sequence, offset, ...row }: DestinationRow): StoredDestination {
  return {
    ...row,
    position: { sequence, offset },
    lastResponse: row.lastResponse ?? undefined,
    lastResponseAt: row.lastResponseAt ?? undefined,
    paused: row.paused ?? undefined,
    since: row.since ?? undefined,
  };
}

function requireOpened(name: string, changes: number): void {
  if (changes === 0) throw new Error(`Destination ${name} must be opened before it is written to.`);
}
