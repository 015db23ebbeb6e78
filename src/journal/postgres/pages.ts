import type { Clock } from '../../core/clock.ts';
import type { JournalPage, PageStore, Position } from '../delivery.ts';
import type { PageCommit } from '../journal.ts';
import { pack, ROW, unpack } from '../packing.ts';
import { RecentPages } from '../recent-pages.ts';
import { fromStored } from '../stored-text.ts';
import { FROM_POSITION } from './backlog.ts';
import type { Database, Transaction } from './database.ts';
import { HeadWatch } from './head-watch.ts';
import { ReadAhead, type StoredPage } from './read-ahead.ts';
import { type SeenPage, SeenPages } from './seen-pages.ts';

interface PageRow extends Omit<StoredPage, 'records'>, SeenPage {
  /** Null when this process has them in memory. */
  readonly records: Uint8Array | null;
}

/** At most so much is read with one statement, yet one page at least. Compressed records take about a tenth. Bytes. */
const READ_AHEAD = { pages: 64, bytes: 256 * 1024 } as const;

// The current name of the source, so that the filters of destinations follow a renamed source.
const SELECT_NEXT = `
  SELECT sequence, stream.key AS stream, stream.source, dataset, lane, count, observed_at AS "observedAt",
    committed_at AS "committedAt", bytes AS size, CASE WHEN sequence <> ALL ($3) THEN records END AS records
  FROM (
    SELECT *, sum(bytes) OVER (ORDER BY sequence) - bytes AS before FROM penstock.page
    WHERE ${FROM_POSITION} ORDER BY sequence LIMIT ${READ_AHEAD.pages}) AS page
  JOIN penstock.stream ON stream.id = page.stream WHERE before < ${READ_AHEAD.bytes} ORDER BY sequence`;

/** What the pages of a commit are appended with: `$1` to `$6` are of all of them, and six more of each. */
function appending(pages: number): string {
  const rows = Array.from({ length: pages }, (_, index) => {
    const [dataset, count, bytes, records, size, packed] = [1, 2, 3, 4, 5, 6].map(
      (n) => `$${6 * (index + 1) + n}`,
    );
    return `(${pages - index}, ${dataset}::text, ${count}::integer, ${bytes}::bigint, ${records}::bigint, ${size}::bigint, ${packed}::bytea)`;
  });
  return `
    WITH head AS (
      UPDATE penstock.head SET sequence = sequence + ${pages}, records = records + $1, bytes = bytes + $2
      RETURNING sequence, records, bytes),
    added AS (
      INSERT INTO penstock.page (sequence, stream, lane, observed_at, committed_at, dataset, count, bytes,
        records_before, bytes_before, records)
      SELECT head.sequence + 1 - page.from_end, $3::bigint, $4::text, $5::bigint, $6::bigint, page.dataset, page.count, page.bytes,
        head.records - page.records_to_end, head.bytes - page.bytes_to_end, page.packed
      FROM head, (VALUES ${rows.join(', ')})
        AS page (from_end, dataset, count, bytes, records_to_end, bytes_to_end, packed))
    SELECT sequence FROM head`;
}

/** The pages that wait for delivery, or that are retained. Their numbers have no gaps. */
export class PostgresPages implements PageStore {
  readonly #database: Database;
  readonly #watch: HeadWatch;
  #recent = new RecentPages();
  readonly #ahead = new ReadAhead();
  readonly seen = new SeenPages();

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#watch = new HeadWatch(database, clock);
  }

  async read(position: Position): Promise<JournalPage | undefined> {
    const ahead = this.#ahead.at(position);
    if (ahead !== undefined) return unpacked(ahead);
    const [next, ...others] = await this.#select(position);
    this.#ahead.keep(others);
    return next && unpacked(next);
  }

  async changed(signal: AbortSignal, position?: Position): Promise<void> {
    await this.#watch.next(signal, position);
  }

  async newest(): Promise<number> {
    const [head] = await this.#database.query<{ sequence: number }>('SELECT sequence FROM penstock.head');
    return head?.sequence ?? 0;
  }

  /**
   * Appends the records of a page, a row for each dataset, and commits the transaction: the head is locked for the time of
   * the commit alone, and not at all without records. Returns what `read` returns of them.
   */
  async append(
    transaction: Transaction,
    stream: number,
    { stream: key, source, lane = 'live', observedAt, records = [] }: PageCommit,
    committedAt: number,
  ): Promise<readonly JournalPage[]> {
    const rows = records.map(({ dataset, count, bytes }) => {
      const packed = pack(bytes);
      return { dataset, count, size: packed.length + ROW, packed };
    });
    const toEnd = rows.map((_, index) => totalOf(rows.slice(index)));
    const [total] = toEnd;
    if (total === undefined) {
      await transaction.commit();
      return [];
    }
    const parameters = [total.count, total.size, stream, lane, observedAt, committedAt];
    const ofEach = rows.flatMap(({ dataset, count, size, packed }, index) => {
      return [dataset, count, size, toEnd[index]?.count, toEnd[index]?.size, packed];
    });
    const [head] = await transaction.last<{ sequence: number }>(appending(rows.length), [
      ...parameters,
      ...ofEach,
    ]);
    if (head === undefined) throw new Error('The journal has no head.');
    return records.map((encoded, index) => {
      const sequence = head.sequence - (rows.length - 1 - index);
      return { sequence, stream: key, source, lane, observedAt, committedAt, ...encoded };
    });
  }

  /** Keeps pages in memory and wakes the callers of `changed`. Call it when they are committed. */
  announce(pages: readonly JournalPage[]): void {
    for (const page of pages) this.#recent.add(page);
    this.#watch.announce(pages);
  }

  /** Call it when pages were trimmed: those that were read ahead may be gone. */
  forgetAhead(): void {
    this.#ahead.clear();
  }

  /** Call it when the database went back: what is in memory may be gone, or other pages have its numbers. */
  forgetRead(): void {
    this.#ahead.clear();
    this.seen.clear();
    this.#recent = new RecentPages();
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  async #select(position: Position): Promise<readonly StoredPage[]> {
    const { sequence, offset } = position;
    const recent = new Map(this.#recent.all().map((page) => [page.sequence, page]));
    const rows = await this.#database.query<PageRow>(SELECT_NEXT, [sequence, offset, [...recent.keys()]]);
    const pages = rows.map(({ size: _size, ...row }) => {
      const stream = fromStored(row.stream);
      const records = row.records ?? sameAs({ ...row, stream }, recent.get(row.sequence))?.bytes;
      return records && { ...row, stream, records };
    });
    for (const row of rows) this.seen.add(row);
    if (!pages.includes(undefined)) return pages.filter((page) => page !== undefined);
    // The database went back, and has other pages under these numbers.
    this.forgetRead();
    return this.#select(position);
  }
}

/** The page in memory, if it is the one in the database. */
function sameAs(
  { stream, count, observedAt }: Omit<StoredPage, 'records'>,
  page: JournalPage | undefined,
): JournalPage | undefined {
  const isSame = page?.stream === stream && page.count === count && page.observedAt === observedAt;
  return isSame ? page : undefined;
}

function unpacked({ records, ...page }: StoredPage): JournalPage {
  return { ...page, bytes: unpack(records) };
}

function totalOf(rows: readonly { readonly count: number; readonly size: number }[]) {
  return {
    count: rows.reduce((sum, { count }) => sum + count, 0),
    size: rows.reduce((sum, { size }) => sum + size, 0),
  };
}
