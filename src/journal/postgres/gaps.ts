import { type Gap, GAP_REASON } from '../../core/source.ts';
import type { GapState, GapStore } from '../collection.ts';
import type { PageCommit } from '../journal.ts';
import { caughtUpTo } from '../page-changes.ts';
import { fromStored, toStored } from '../stored-text.ts';
import type { Database, Transaction } from './database.ts';
import { STREAM_ID } from './streams.ts';

interface GapRow extends Gap {
  readonly stream: string;
  readonly opened: number;
  readonly closed: number | null;
  readonly emitted: boolean;
}

const SELECT = `
  SELECT key AS stream, part, reason, from_at AS "from", to_at AS "to", opened, closed, emitted
  FROM penstock.gap JOIN penstock.stream ON stream.id = gap.stream`;
const SELECT_ALL = `${SELECT} ORDER BY from_at, gap.id`;
const SELECT_OF_STREAM = `${SELECT} WHERE gap.stream = ${STREAM_ID} ORDER BY from_at, gap.id`;

const OPEN = 'stream = $1 AND reason = $2 AND closed IS NULL';

/**
 * Merges a gap with the open ones of its reason and part: with those that it overlaps or touches, or with all ($8). What is
 * merged is a new row, unless one that is known has the whole span already.
 */
const ADD = `
  WITH known AS (
    SELECT id, from_at, to_at, opened, emitted FROM penstock.gap
    WHERE ${OPEN} AND part = $3 AND ($8 OR (from_at <= $5 AND to_at >= $4))),
  whole AS (
    SELECT least($4, min(from_at)) AS from_at, greatest($5, max(to_at)) AS to_at, least($6, min(opened)) AS opened,
      coalesce(bool_and(emitted), true) AND $7 AS emitted
    FROM known),
  holder AS (SELECT known.* FROM known JOIN whole USING (from_at, to_at)),
  noted AS (
    UPDATE penstock.gap SET emitted = true FROM holder
    WHERE gap.id = holder.id AND $7 AND holder.from_at = $4 AND holder.to_at = $5),
  merged AS (
    DELETE FROM penstock.gap WHERE id IN (SELECT id FROM known) AND NOT EXISTS (SELECT FROM holder))
  INSERT INTO penstock.gap (stream, reason, part, from_at, to_at, opened, emitted)
  SELECT $1, $2, $3, whole.* FROM whole WHERE NOT EXISTS (SELECT FROM holder)`;
const CLOSE = `
  UPDATE penstock.gap SET closed = $6 WHERE ${OPEN} AND part = $3 AND from_at >= $4 AND to_at <= $5`;
/** No two spans of coverage touch: what is covered lies within one of them. */
const CLOSE_COVERED = `
  UPDATE penstock.gap SET closed = $4
  WHERE ${OPEN} AND (to_at <= $3 OR from_at >= to_at OR EXISTS (
    SELECT FROM penstock.coverage WHERE coverage.stream = $1
      AND coverage.from_at <= gap.from_at AND coverage.to_at >= gap.to_at))`;
const CLOSE_BEFORE = `UPDATE penstock.gap SET closed = $4 WHERE ${OPEN} AND to_at <= $3`;

/** What is known to be missing. */
export class PostgresGaps implements GapStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async of(stream?: string): Promise<readonly GapState[]> {
    const rows =
      stream === undefined
        ? await this.#database.query<GapRow>(SELECT_ALL)
        : await this.#database.query<GapRow>(SELECT_OF_STREAM, [toStored(stream)]);
    return rows.map(toState);
  }

  /** What a page changes, after its coverage. What it closes was open before it; what it opens stays open. */
  async change(transaction: Transaction, stream: number, page: PageCommit, now: number): Promise<void> {
    const { gaps = [], unemittedGaps = [], closedGaps = [], forgetBefore, covered } = page;
    const run = (sql: string, ...parameters: unknown[]) => transaction.run(sql, [stream, ...parameters]);
    const add = (gap: Gap, emitted: boolean) => run(ADD, ...valuesOf(gap), now, emitted, false);
    await Promise.all([
      ...closedGaps.map((gap) => run(CLOSE, ...valuesOf(gap), now)),
      covered && run(CLOSE_COVERED, GAP_REASON.tooLarge, finite(caughtUpTo(page)), now),
      ...gaps.map((gap) => add(gap, true)),
      ...unemittedGaps.map((gap) => add(gap, false)),
      forgetBefore !== undefined && run(CLOSE_BEFORE, GAP_REASON.ledgerFull, forgetBefore, now),
    ]);
  }

  /** Adds an unemitted gap, as one with all open ones of its reason and part, whatever lies between them. */
  async extend(transaction: Transaction, stream: number, gap: Gap, now: number): Promise<void> {
    await transaction.run(ADD, [stream, ...valuesOf(gap), now, false, true]);
  }
}

function valuesOf({ reason, part, from, to }: Gap): readonly unknown[] {
  return [reason, toStored(part), from, to];
}

/** No time that is compared is beyond what a number holds exactly. */
function finite(time: number): number {
  return Math.min(Math.max(time, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

function toState({ stream, part, reason, from, to, opened, closed, emitted }: GapRow): GapState {
  return {
    stream: fromStored(stream),
    part: fromStored(part),
    reason,
    from,
    to,
    opened,
    closed: closed ?? undefined,
    ...(!emitted && { unemitted: true }),
  };
}
