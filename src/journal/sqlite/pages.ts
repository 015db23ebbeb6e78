import { Changes } from '../changes.ts';
import type { JournalPage, PageStore, Position } from '../delivery.ts';
import type { PageCommit } from '../journal.ts';
import { pack, ROW, unpack } from '../packing.ts';
import { RecentPages } from '../recent-pages.ts';
import { FROM_POSITION, type SqliteBacklog } from './backlog.ts';
import { fromStored } from '../stored-text.ts';
import type { Connection } from './connection.ts';

interface PageRow extends Omit<JournalPage, 'bytes'> {
  readonly records: Uint8Array;
}

// The current name of the source, so that the filters of destinations follow a renamed source.
const SELECT_NEXT = `
  SELECT sequence, stream.key AS stream, stream.source, dataset, lane, count, observed_at AS observedAt,
    committed_at AS committedAt, records
  FROM page JOIN stream ON stream.id = page.stream WHERE ${FROM_POSITION} ORDER BY sequence LIMIT 1`;
const SELECT_SOURCE = `
  SELECT stream.source FROM page JOIN stream ON stream.id = page.stream WHERE sequence = :sequence`;
const INSERT = `
  INSERT INTO page (stream, dataset, lane, count, observed_at, committed_at, bytes, records_before, bytes_before, records)
  SELECT :stream, :dataset, :lane, :count, :observedAt, :committedAt, :bytes,
    coalesce(max(records_before + count), 0), coalesce(max(bytes_before + bytes), 0), :packed
  FROM (SELECT records_before, count, bytes_before, bytes FROM page ORDER BY sequence DESC LIMIT 1)
  RETURNING sequence`;

/** SQLite keeps it when the pages are gone. */
const SELECT_NEWEST = "SELECT seq AS sequence FROM sqlite_sequence WHERE name = 'page'";

/** The pages that wait for delivery, or that are retained. */
export class SqlitePages implements PageStore {
  readonly #connection: Connection;
  readonly #backlog: SqliteBacklog;
  readonly #changes = new Changes();
  readonly #recent = new RecentPages();

  constructor(connection: Connection, backlog: SqliteBacklog) {
    this.#connection = connection;
    this.#backlog = backlog;
  }

  async read({ sequence, offset }: Position): Promise<JournalPage | undefined> {
    const recent = this.#recentAt({ sequence, offset });
    if (recent !== undefined) return recent;
    const row = this.#connection.first<PageRow>(SELECT_NEXT, { sequence, offset });
    if (row === undefined) return undefined;
    const { stream, records, ...page } = row;
    return { ...page, stream: fromStored(stream), bytes: unpack(records) };
  }

  async changed(signal: AbortSignal, position?: Position): Promise<void> {
    const already = position !== undefined && this.#backlog.outline(position) !== undefined;
    await this.#changes.next(signal, already);
  }

  async newest(): Promise<number> {
    return this.#connection.first<{ sequence: number }>(SELECT_NEWEST, {})?.sequence ?? 0;
  }

  /** Wakes the callers of `changed`. Call it when the transaction that appended these pages is committed. */
  announce(pages: readonly JournalPage[]): void {
    if (pages.length === 0) return;
    for (const page of pages) this.#recent.add(page);
    this.#changes.announce();
  }

  /** Appends the records of a page, a row for each dataset, and returns what `read` returns of them. */
  append(
    stream: number,
    { stream: key, source, lane = 'live', observedAt, records = [] }: PageCommit,
    committedAt: number,
  ): readonly JournalPage[] {
    return records.map((encoded) => {
      const { dataset, count, bytes } = encoded;
      const packed = pack(bytes);
      const size = packed.length + ROW;
      const row = { stream, dataset, lane, count, observedAt, committedAt, bytes: size, packed };
      const { sequence } = this.#connection.first<{ sequence: number }>(INSERT, row) as { sequence: number };
      return { sequence, stream: key, source, lane, observedAt, committedAt, ...encoded };
    });
  }

  /** A page from memory, if it still is in the journal. */
  #recentAt(position: Position): JournalPage | undefined {
    const page = this.#recent.at(position);
    if (page === undefined) return undefined;
    const { sequence } = page;
    const stored = this.#connection.first<{ source: string }>(SELECT_SOURCE, { sequence });
    return stored && { ...page, source: stored.source };
  }
}
