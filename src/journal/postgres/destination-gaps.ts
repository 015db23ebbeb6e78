import type { DestinationGap, MissedEvents } from '../delivery.ts';
import { addMissed } from '../destination-rules.ts';
import type { Database, Transaction } from './database.ts';

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

const SELECT = `
  SELECT id, destination, from_at AS "from", to_at AS "to", events, sources, opened, ended FROM penstock.destination_gap`;
const SELECT_ALL = `${SELECT} ORDER BY id`;
const SELECT_OPEN = `${SELECT} WHERE destination = $1 AND ended IS NULL`;
const INSERT = `
  INSERT INTO penstock.destination_gap (destination, from_at, to_at, events, sources, opened)
  VALUES ($1, $2, $3, $4, $5, $6)`;
const GROW = `
  UPDATE penstock.destination_gap SET from_at = $2, to_at = $3, events = $4, sources = $5 WHERE id = $1`;
/** $1: the destination, $2: now. */
export const END_GAP = `
  UPDATE penstock.destination_gap SET ended = $2 WHERE destination = $1 AND ended IS NULL`;

/** Of all destinations, oldest first. */
export async function gapsOf(database: Database): Promise<readonly DestinationGap[]> {
  const rows = await database.query<GapRow>(SELECT_ALL);
  return rows.map((row) => ({
    destination: row.destination,
    ...toMissed(row),
    opened: row.opened,
    ended: row.ended ?? undefined,
  }));
}

/** Adds to the gap that has not ended, or begins one. Returns whether it began one. */
export async function addGap(
  transaction: Transaction,
  destination: string,
  missed: MissedEvents,
  now: number,
): Promise<boolean> {
  const [open] = await transaction.query<GapRow>(SELECT_OPEN, [destination]);
  if (open === undefined) await transaction.run(INSERT, [destination, ...valuesOf(missed), now]);
  else await transaction.run(GROW, [open.id, ...valuesOf(addMissed(toMissed(open), missed))]);
  return open === undefined;
}

function valuesOf({ from, to, events, sources }: MissedEvents): readonly unknown[] {
  return [from, to, events, JSON.stringify(sources)];
}

function toMissed({ from, to, events, sources }: GapRow): MissedEvents {
  return { from, to, events, sources: JSON.parse(sources) as MissedEvents['sources'] };
}
