import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { DestinationGap, MissedEvents } from '../backlog.ts';
import { Query, orUndefined } from './query.ts';
import { hull } from '../../core/span.ts';

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

const COLUMNS = `
  SELECT id, destination, from_at AS "from", to_at AS "to", events, sources, opened, ended FROM destination_gap`;

/** What destinations were not sent because too much waited for them. */
export class DestinationGapStore {
  readonly #all: Query<GapRow>;
  readonly #open: Query<GapRow>;
  readonly #add: StatementSync;
  readonly #grow: StatementSync;
  readonly #end: StatementSync;

  constructor(database: DatabaseSync) {
    this.#all = new Query(database, `${COLUMNS} ORDER BY id`);
    this.#open = new Query(database, `${COLUMNS} WHERE destination = :destination AND ended IS NULL`);
    this.#add = database.prepare(
      `INSERT INTO destination_gap (destination, from_at, to_at, events, sources, opened)
       VALUES (:destination, :from, :to, :events, :sources, :now)`,
    );
    this.#grow = database.prepare(
      'UPDATE destination_gap SET from_at = :from, to_at = :to, events = :events, sources = :sources WHERE id = :id',
    );
    this.#end = database.prepare(
      'UPDATE destination_gap SET ended = :now WHERE destination = :destination AND ended IS NULL',
    );
  }

  all(): readonly DestinationGap[] {
    return this.#all.all().map(({ destination, from, to, events, sources, opened, ended }) => ({
      destination,
      from,
      to,
      events,
      sources: JSON.parse(sources) as DestinationGap['sources'],
      opened,
      ended: orUndefined(ended),
    }));
  }

  /** Adds to the gap that has not ended, or begins one. Returns whether it began one. */
  add(destination: string, missed: MissedEvents, now: number): boolean {
    const open = this.#open.first({ destination });
    if (open === undefined) {
      const { from, to, events, sources } = missed;
      this.#add.run({ destination, from, to, events, sources: JSON.stringify(sources), now });
      return true;
    }
    this.#grow.run({
      id: open.id,
      ...hull([open, missed]),
      events: open.events + missed.events,
      sources: JSON.stringify(sum(JSON.parse(open.sources) as DestinationGap['sources'], missed.sources)),
    });
    return false;
  }

  end(destination: string, now: number): void {
    this.#end.run({ destination, now });
  }
}

function sum(a: DestinationGap['sources'], b: DestinationGap['sources']): DestinationGap['sources'] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(names.map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)]));
}
