import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { packEvents, unpackEvents } from './codec.ts';
import type { JournalPage, PageCommit, Position } from '../journal.ts';
import { Query, orUndefined } from './query.ts';
import { fromStored } from './stored-text.ts';

/** What a page takes besides its events: its row, and its outline in the index. Bytes, about. */
const ROW = 100;

interface PageRow extends Omit<JournalPage, 'events'> {
  readonly events: Uint8Array;
}

/** What is known of a page without its events. */
export interface Outline {
  readonly sequence: number;
  readonly count: number;
  readonly observedAt: number;
}

const OF_SOURCES = `(:sources IS NULL OR stream IN
  (SELECT id FROM stream WHERE source IN (SELECT value FROM json_each(:sources))))`;

/** The pages that pass through the journal. Streams are row ids here, but for the key in what is returned. */
export class PageStore {
  readonly #append: StatementSync;
  readonly #next: Query<PageRow>;
  readonly #outline: Query<Outline>;
  readonly #waiting: Query<{ events: number }>;
  readonly #oldest: Query<{ observedAt: number }>;
  readonly #beyond: Query<{ sequence: number | null }>;

  constructor(database: DatabaseSync) {
    this.#append = database.prepare(
      `INSERT INTO journal (stream, dataset, lane, count, observed_at, committed_at, bytes, events)
       VALUES (:stream, :dataset, :lane, :count, :observedAt, :committedAt, :bytes, :events)`,
    );
    // The source's name is that of now: a renamed source keeps its destinations' filters.
    this.#next = new Query(
      database,
      `SELECT sequence, stream.key AS stream, stream.source, dataset, lane, observed_at AS observedAt, events
       FROM journal JOIN stream ON stream.id = journal.stream
       WHERE sequence >= :sequence AND NOT (sequence = :sequence AND count <= :offset)
       ORDER BY sequence LIMIT 1`,
    );
    this.#outline = new Query(
      database,
      `SELECT sequence, count, observed_at AS observedAt FROM journal INDEXED BY journal_outline
       WHERE sequence >= :sequence AND NOT (sequence = :sequence AND count <= :offset)
       ORDER BY sequence LIMIT 1`,
    );
    this.#oldest = new Query(
      database,
      `SELECT observed_at AS observedAt FROM journal INDEXED BY journal_outline
       WHERE sequence >= :sequence AND NOT (sequence = :sequence AND count <= :offset) AND ${OF_SOURCES}
       ORDER BY sequence LIMIT 1`,
    );
    this.#waiting = new Query(
      database,
      `SELECT coalesce(sum(iif(sequence = :sequence, max(count - :offset, 0), count)), 0) AS events
       FROM journal INDEXED BY journal_outline
       WHERE sequence >= :sequence AND ${OF_SOURCES}`,
    );
    this.#beyond = new Query(
      database,
      `SELECT max(sequence) AS sequence FROM (
         SELECT sequence, bytes, committed_at, sum(bytes) OVER (ORDER BY sequence DESC) AS held
         FROM journal INDEXED BY journal_outline
         WHERE sequence >= :sequence AND NOT (sequence = :sequence AND count <= :offset) AND ${OF_SOURCES})
       WHERE (held > :bytes AND held > bytes) OR committed_at < :before`,
    );
  }

  /**
   * The newest page at or after a position that has more than so many bytes from it on, and is not the newest; or that was
   * committed before a time. Of all sources or of these.
   */
  beyond(
    { sequence, offset }: Position,
    { bytes, before }: { readonly bytes: number; readonly before: number },
    sources?: readonly string[],
  ): number | undefined {
    const names = sources === undefined ? null : JSON.stringify(sources);
    return orUndefined(
      this.#beyond.first({ sequence, offset, bytes, before, sources: names })?.sequence ?? null,
    );
  }

  append(stream: number, { dataset, lane, observedAt, events }: PageCommit, now: number): void {
    const packed = packEvents(events);
    this.#append.run({
      stream,
      dataset,
      lane,
      observedAt,
      count: events.length,
      committedAt: now,
      bytes: packed.length + ROW,
      events: packed,
    });
  }

  next({ sequence, offset }: Position): JournalPage | undefined {
    const row = this.#next.first({ sequence, offset });
    return row && { ...row, stream: fromStored(row.stream), events: unpackEvents(row.events) };
  }

  /** The same page as `next`, without its events. */
  outline({ sequence, offset }: Position): Outline | undefined {
    return this.#outline.first({ sequence, offset });
  }

  /** How many events are at or after a position, of all sources or of these. */
  waiting({ sequence, offset }: Position, sources?: readonly string[]): number {
    const names = sources === undefined ? null : JSON.stringify(sources);
    return this.#waiting.first({ sequence, offset, sources: names })?.events ?? 0;
  }

  /** When the first of the events at or after a position was read, of all sources or of these. Epoch ms. */
  oldest({ sequence, offset }: Position, sources?: readonly string[]): number | undefined {
    const names = sources === undefined ? null : JSON.stringify(sources);
    return this.#oldest.first({ sequence, offset, sources: names })?.observedAt;
  }
}
