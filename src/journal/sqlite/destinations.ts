import type { BacklogLimit } from '../../config/types.ts';
import type {
  DestinationGap,
  StoredDestination,
  DestinationStore,
  MissedEvents,
  Position,
  Skip,
} from '../delivery.ts';
import { addMissed, backlogLimits, RENEWED_EVERY, slowestOf, START } from '../destination-rules.ts';
import type { Acknowledgement } from '../journal.ts';
import { type Connection, orUndefined } from './connection.ts';
import type { SqliteDeadLetters } from './dead-letters.ts';
import type { SqliteBacklog } from './backlog.ts';

interface DestinationRow {
  readonly name: string;
  readonly sequence: number;
  readonly offset: number;
  readonly lastResponse: string | null;
  readonly lastResponseAt: number | null;
  readonly paused: string | null;
  readonly since: number | null;
  readonly lastNamed: number;
}

const SELECT = `
  SELECT name, sequence, page_offset AS offset, last_response AS lastResponse, responded_at AS lastResponseAt,
    paused, paused_at AS since, last_named AS lastNamed
  FROM destination`;
const SELECT_ALL = `${SELECT} ORDER BY name`;
const SELECT_ONE = `${SELECT} WHERE name = :name`;

interface GapRow {
  readonly id: number;
  readonly destination: string;
  readonly from: number;
  readonly to: number;
  readonly events: number;
  readonly sources: string;
  readonly opened: number;
  readonly ended: number | null;
}

const SELECT_GAPS = `
  SELECT id, destination, from_at AS "from", to_at AS "to", events, sources, opened, ended FROM destination_gap`;
const SELECT_ALL_GAPS = `${SELECT_GAPS} ORDER BY id`;
const SELECT_OPEN_GAP = `${SELECT_GAPS} WHERE destination = :destination AND ended IS NULL`;

/** What a destination needs of the rest of the journal. */
export interface DestinationParts {
  readonly backlog: SqliteBacklog;
  readonly deadLetters: SqliteDeadLetters;
  /** `state.max_bytes`. */
  readonly maxBytes: number;
}

/** How far each destination is, and what it was not sent because too much waited for it. */
export class SqliteDestinations implements DestinationStore {
  readonly #connection: Connection;
  readonly #parts: DestinationParts;
  /** Those of the configuration in force. */
  #named: ReadonlySet<string> = new Set();

  constructor(connection: Connection, parts: DestinationParts) {
    this.#connection = connection;
    this.#parts = parts;
  }

  async open(names: readonly string[], now: number): Promise<void> {
    this.#connection.transact(() => {
      for (const name of names)
        this.#connection.run(
          `INSERT INTO destination (name, sequence, page_offset, last_named)
           VALUES (:name, coalesce((SELECT min(sequence) FROM page), 0), 0, :now)
           ON CONFLICT (name) DO UPDATE SET last_named = excluded.last_named`,
          { name, now },
        );
    });
    this.#named = new Set(names);
  }

  async all(): Promise<readonly StoredDestination[]> {
    return this.states();
  }

  async setPaused(name: string, reason: string | undefined, now: number): Promise<void> {
    const changes = this.#connection.run(
      `UPDATE destination SET paused = :reason,
         paused_at = iif(:reason IS NULL, NULL, coalesce(paused_at, :now))
       WHERE name = :name`,
      { name, reason: reason ?? null, now },
    );
    requireOpened(name, changes);
  }

  async waiting(name: string, sources?: readonly string[]): Promise<number> {
    return this.#parts.backlog.waiting(this.#positionOf(name), sources);
  }

  async oldestWaiting(name: string, sources?: readonly string[]): Promise<number | undefined> {
    return this.#parts.backlog.oldest(this.#positionOf(name), sources);
  }

  async backlogBeyond(
    name: string,
    limit: BacklogLimit,
    now: number,
    sources?: readonly string[],
  ): Promise<Position | undefined> {
    const limits = backlogLimits(limit, this.#parts.maxBytes, now);
    const last = this.#parts.backlog.beyond(this.#positionOf(name), limits, sources);
    return last === undefined ? undefined : { sequence: last + 1, offset: 0 };
  }

  async skip(name: string, { position, missed, deadLetters }: Skip, now: number): Promise<boolean> {
    return this.#connection.transact(() => {
      for (const letter of deadLetters) this.#parts.deadLetters.put(name, letter);
      const moved = this.#connection.run(
        `UPDATE destination SET sequence = :sequence, page_offset = :offset
         WHERE name = :name AND (:sequence, :offset) > (sequence, page_offset)`,
        { name, sequence: position.sequence, offset: position.offset },
      );
      return moved > 0 && missed !== undefined && this.#addGap(name, missed, now);
    });
  }

  async endGap(destination: string, now: number): Promise<void> {
    this.#connection.run(
      'UPDATE destination_gap SET ended = :now WHERE destination = :destination AND ended IS NULL',
      { destination, now },
    );
  }

  async gaps(): Promise<readonly DestinationGap[]> {
    return this.#connection.all<GapRow>(SELECT_ALL_GAPS).map((row) => ({
      destination: row.destination,
      ...toMissed(row),
      opened: row.opened,
      ended: orUndefined(row.ended),
    }));
  }

  states(): readonly StoredDestination[] {
    return this.#connection.all<DestinationRow>(SELECT_ALL).map(toState);
  }

  /** A destination's new position, and what it rejected before it: both, or neither. */
  acknowledge(name: string, { position, response, now, deadLetters = [] }: Acknowledgement): void {
    this.#connection.transact(() => {
      for (const letter of deadLetters) this.#parts.deadLetters.put(name, letter);
      const changes = this.#connection.run(
        `UPDATE destination SET last_response = :response, responded_at = :now,
           sequence = iif((:sequence, :offset) > (sequence, page_offset), :sequence, sequence),
           page_offset = iif((:sequence, :offset) > (sequence, page_offset), :offset, page_offset)
         WHERE name = :name`,
        { name, sequence: position.sequence, offset: position.offset, response, now },
      );
      requireOpened(name, changes);
    });
  }

  /** Notes that the configured destinations still are configured. */
  renew(now: number): void {
    for (const name of this.#named)
      this.#connection.run(
        'UPDATE destination SET last_named = :now WHERE name = :name AND last_named NOT BETWEEN :before AND :now',
        { name, now, before: now - RENEWED_EVERY },
      );
  }

  /**
   * The position that every destination which counts has reached: those configured, and those that were until
   * recently. Undefined when there is none, and then nothing may be trimmed.
   */
  slowest(now: number): Position | undefined {
    return slowestOf(this.states(), this.#named, now);
  }

  #positionOf(name: string): Position {
    const row = this.#connection.first<DestinationRow>(SELECT_ONE, { name });
    return row === undefined ? START : toState(row).position;
  }

  /** Adds to the gap that has not ended, or begins one. Returns whether it began one. */
  #addGap(destination: string, missed: MissedEvents, now: number): boolean {
    const open = this.#connection.first<GapRow>(SELECT_OPEN_GAP, { destination });
    if (open === undefined) {
      this.#connection.run(
        `INSERT INTO destination_gap (destination, from_at, to_at, events, sources, opened)
         VALUES (:destination, :from, :to, :events, :sources, :now)`,
        { destination, ...toRow(missed), now },
      );
      return true;
    }
    this.#connection.run(
      `UPDATE destination_gap SET from_at = :from, to_at = :to, events = :events, sources = :sources
       WHERE id = :id`,
      { id: open.id, ...toRow(addMissed(toMissed(open), missed)) },
    );
    return false;
  }
}

function toRow({ from, to, events, sources }: MissedEvents) {
  return { from, to, events, sources: JSON.stringify(sources) };
}

function toMissed({ from, to, events, sources }: GapRow): MissedEvents {
  return { from, to, events, sources: JSON.parse(sources) as MissedEvents['sources'] };
}

function toState({
  sequence,
  offset,
  lastResponse,
  lastResponseAt,
  paused,
  since,
  ...row
}: DestinationRow): StoredDestination {
  return {
    ...row,
    position: { sequence, offset },
    lastResponse: orUndefined(lastResponse),
    lastResponseAt: orUndefined(lastResponseAt),
    paused: orUndefined(paused),
    since: orUndefined(since),
  };
}

function requireOpened(name: string, changes: number): void {
  if (changes === 0) throw new Error(`Destination ${name} must be opened before it is written to.`);
}
