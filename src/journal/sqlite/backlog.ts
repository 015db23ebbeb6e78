import type { Position } from '../delivery.ts';
import type { BacklogLimits } from '../destination-rules.ts';
import { type Connection, orUndefined } from './connection.ts';

/** What is known of a page without its records. */
export interface Outline {
  readonly sequence: number;
  readonly observedAt: number;
  readonly committedAt: number;
  /** Bytes from this page on. */
  readonly bytes: number;
}

/** That a page holds a record at or after the position. */
export const FROM_POSITION = 'sequence >= :sequence AND NOT (sequence = :sequence AND count <= :offset)';

/** An index that holds all of a page but its records: reading it does not read the heavy rows. */
const OUTLINES = 'page INDEXED BY page_outline';
const OF_SOURCES =
  'stream IN (SELECT id FROM stream WHERE source IN (SELECT value FROM json_each(:sources)))';
const FIRST = 'ORDER BY sequence LIMIT 1';
const END = (total: string) => `(SELECT ${total} FROM ${OUTLINES} ORDER BY sequence DESC LIMIT 1)`;

const SELECT_OUTLINE = `
  SELECT sequence, observed_at AS observedAt, committed_at AS committedAt,
    ${END('bytes_before + bytes')} - bytes_before AS bytes
  FROM ${OUTLINES} WHERE ${FROM_POSITION} ${FIRST}`;
const COUNT_ALL = `
  SELECT ${END('records_before + count')} - records_before - iif(sequence = :sequence, :offset, 0) AS records
  FROM ${OUTLINES} WHERE ${FROM_POSITION} ${FIRST}`;
const SELECT_BEYOND_BYTES = `
  SELECT sequence FROM page INDEXED BY page_bytes
  WHERE bytes_before < ${END('bytes_before + bytes')} - :bytes AND sequence < ${END('sequence')}
  ORDER BY bytes_before DESC LIMIT 1`;
const SELECT_BEYOND_AGE = `
  SELECT sequence FROM page INDEXED BY page_age WHERE committed_at < :before AND sequence >= :first
  ORDER BY committed_at DESC, sequence DESC LIMIT 1`;

// These read an entry of the index for each page, also of other sources.
const SELECT_OLDEST_OF = `
  SELECT observed_at AS observedAt FROM ${OUTLINES} WHERE ${FROM_POSITION} AND ${OF_SOURCES} ${FIRST}`;
const COUNT_OF = `
  SELECT coalesce(sum(iif(sequence = :sequence, max(count - :offset, 0), count)), 0) AS records
  FROM ${OUTLINES} WHERE sequence >= :sequence AND ${OF_SOURCES}`;
const SELECT_BEYOND_OF = `
  SELECT max(sequence) AS sequence FROM (
    SELECT sequence, bytes, committed_at, sum(bytes) OVER (ORDER BY sequence DESC) AS held
    FROM ${OUTLINES} WHERE ${FROM_POSITION} AND ${OF_SOURCES})
  WHERE (held > :bytes AND held > bytes) OR committed_at < :before`;

/**
 * What waits behind a position. Each page knows what was appended before it, so that nothing is counted: the cost does not
 * grow with the backlog, unless it is asked for some sources only.
 */
export class SqliteBacklog {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The first page that holds a record at or after the position. */
  outline({ sequence, offset }: Position): Outline | undefined {
    return this.#connection.first(SELECT_OUTLINE, { sequence, offset });
  }

  /** How many records are at or after a position, of all sources or of these. */
  waiting({ sequence, offset }: Position, sources?: readonly string[]): number {
    const counted =
      sources === undefined
        ? this.#connection.first<{ records: number }>(COUNT_ALL, { sequence, offset })
        : this.#connection.first<{ records: number }>(COUNT_OF, { sequence, offset, ...namesOf(sources) });
    return counted?.records ?? 0;
  }

  /** When the first of these records was read. */
  oldest(position: Position, sources?: readonly string[]): number | undefined {
    const { sequence, offset } = position;
    if (sources === undefined) return this.outline(position)?.observedAt;
    const parameters = { sequence, offset, ...namesOf(sources) };
    return this.#connection.first<{ observedAt: number }>(SELECT_OLDEST_OF, parameters)?.observedAt;
  }

  /**
   * The newest page at or after a position that is not the newest and has more than so many bytes from it on, or that was
   * committed before a time. Of all sources or of these.
   */
  beyond(position: Position, limits: BacklogLimits, sources?: readonly string[]): number | undefined {
    const first = this.outline(position);
    if (first === undefined) return undefined;
    const { bytes, before } = limits;
    const [isLarge, isOld] = [first.bytes > bytes, first.committedAt < before];
    if (!isLarge && !isOld) return undefined;
    if (sources !== undefined)
      return this.#sequenceOf(SELECT_BEYOND_OF, { ...position, ...limits, ...namesOf(sources) });
    const large = isLarge ? this.#sequenceOf(SELECT_BEYOND_BYTES, { bytes }) : undefined;
    const old = isOld ? this.#sequenceOf(SELECT_BEYOND_AGE, { before, first: first.sequence }) : undefined;
    const newest = Math.max(large ?? 0, old ?? 0);
    return newest < first.sequence ? undefined : newest;
  }

  #sequenceOf(sql: string, parameters: Readonly<Record<string, number | string>>): number | undefined {
    return orUndefined(this.#connection.first<{ sequence: number | null }>(sql, parameters)?.sequence);
  }
}

function namesOf(sources: readonly string[]): { readonly sources: string } {
  return { sources: JSON.stringify(sources) };
}
