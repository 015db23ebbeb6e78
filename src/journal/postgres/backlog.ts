import type { BacklogLimits } from '../destination-rules.ts';
import type { Position } from '../delivery.ts';
import type { Database, Parameters } from './database.ts';

/** What is known of a page without its records. */
export interface Outline {
  readonly sequence: number;
  readonly observedAt: number;
  readonly committedAt: number;
  /** Bytes from this page on. */
  readonly bytes: number;
}

/** That a page holds a record at or after the position: $1 and $2. */
export const FROM_POSITION = 'sequence >= $1 AND NOT (sequence = $1 AND count <= $2)';

const OF_SOURCES = 'stream IN (SELECT id FROM penstock.stream WHERE source = ANY($3))';
const FIRST = 'ORDER BY sequence LIMIT 1';
const END = (column: string) => `(SELECT ${column} FROM penstock.head)`;

const SELECT_OUTLINE = `
  SELECT sequence, observed_at AS "observedAt", committed_at AS "committedAt", ${END('bytes')} - bytes_before AS bytes
  FROM penstock.page WHERE ${FROM_POSITION} ${FIRST}`;
const COUNT_ALL = `
  SELECT ${END('records')} - records_before - CASE WHEN sequence = $1 THEN $2::bigint ELSE 0 END AS records
  FROM penstock.page WHERE ${FROM_POSITION} ${FIRST}`;
const SELECT_BEYOND_BYTES = `
  SELECT sequence FROM penstock.page WHERE bytes_before < ${END('bytes')} - $1::bigint AND sequence < ${END('sequence')}
  ORDER BY bytes_before DESC LIMIT 1`;
const SELECT_BEYOND_AGE = `
  SELECT sequence FROM penstock.page WHERE committed_at < $1 AND sequence >= $2
  ORDER BY committed_at DESC, sequence DESC LIMIT 1`;

/** One row of an index for each stream of these sources. */
const SELECT_OLDEST_OF = `
  SELECT observed_at AS "observedAt" FROM penstock.stream CROSS JOIN LATERAL (
    SELECT sequence, observed_at FROM penstock.page WHERE page.stream = stream.id AND ${FROM_POSITION} ${FIRST}) AS page
  WHERE source = ANY($3) ${FIRST}`;
// These read an entry of an index for each page of these sources.
const COUNT_OF = `
  SELECT coalesce(sum(CASE WHEN sequence = $1 THEN greatest(count - $2, 0) ELSE count END), 0) AS records
  FROM penstock.page WHERE sequence >= $1 AND ${OF_SOURCES}`;
const SELECT_BEYOND_OF = `
  SELECT max(sequence) AS sequence FROM (
    SELECT sequence, bytes, committed_at, sum(bytes) OVER (ORDER BY sequence DESC) AS held
    FROM penstock.page WHERE ${FROM_POSITION} AND ${OF_SOURCES}) AS waiting
  WHERE (held > $4 AND held > bytes) OR committed_at < $5`;

/**
 * What waits behind a position. Each page knows what was appended before it, and the head what was appended at all, so that
 * nothing is counted: the cost does not grow with the backlog, unless it is asked for some sources only.
 */
export class PostgresBacklog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The first page that holds a record at or after the position. */
  async outline({ sequence, offset }: Position): Promise<Outline | undefined> {
    return this.#first<Outline>(SELECT_OUTLINE, [sequence, offset]);
  }

  /** How many records are at or after a position, of all sources or of these. */
  async waiting({ sequence, offset }: Position, sources?: readonly string[]): Promise<number> {
    const counted =
      sources === undefined
        ? await this.#first<{ records: number }>(COUNT_ALL, [sequence, offset])
        : await this.#first<{ records: number }>(COUNT_OF, [sequence, offset, sources]);
    return counted?.records ?? 0;
  }

  /** When the first of these records was read. */
  async oldest(position: Position, sources?: readonly string[]): Promise<number | undefined> {
    const { sequence, offset } = position;
    if (sources === undefined) return (await this.outline(position))?.observedAt;
    const parameters = [sequence, offset, sources];
    return (await this.#first<{ observedAt: number }>(SELECT_OLDEST_OF, parameters))?.observedAt;
  }

  /**
   * The newest page at or after a position that is not the newest and has more than so many bytes from it on, or that was
   * committed before a time. Of all sources or of these.
   */
  async beyond(
    position: Position,
    { bytes, before }: BacklogLimits,
    sources?: readonly string[],
  ): Promise<number | undefined> {
    const first = await this.outline(position);
    if (first === undefined) return undefined;
    const [isLarge, isOld] = [first.bytes > bytes, first.committedAt < before];
    if (!isLarge && !isOld) return undefined;
    const { sequence, offset } = position;
    const limits = [Math.floor(bytes), Math.floor(before)];
    if (sources !== undefined)
      return this.#sequenceOf(SELECT_BEYOND_OF, [sequence, offset, sources, ...limits]);
    const large = isLarge ? await this.#sequenceOf(SELECT_BEYOND_BYTES, [limits[0]]) : undefined;
    const old = isOld ? await this.#sequenceOf(SELECT_BEYOND_AGE, [limits[1], first.sequence]) : undefined;
    const newest = Math.max(large ?? 0, old ?? 0);
    return newest < first.sequence ? undefined : newest;
  }

  async #sequenceOf(sql: string, parameters: Parameters): Promise<number | undefined> {
    return (await this.#first<{ sequence: number | null }>(sql, parameters))?.sequence ?? undefined;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- rows are named as the columns of the statement are
  async #first<Row>(sql: string, parameters: Parameters): Promise<Row | undefined> {
    const [row] = await this.#database.query<Row>(sql, parameters);
    return row;
  }
}
