import { setImmediate as turn } from 'node:timers/promises';
import type { Rows } from '../../core/rows.ts';
import { type RecordRules, timeOf } from './records.ts';

/** What the times of an answer's records say. Epoch ms; undefined when no record has a time. */
export interface Survey {
  readonly received: number;
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
  /** How many records have the newest time. */
  readonly atNewest: number;
  /** The furthest that a record is before a later one that came earlier, ms; 0: they are ascending. */
  readonly fallsBack: number;
  /** The records of each batch. */
  readonly batches: readonly (() => readonly unknown[])[];
}

/** Looks at all records of an answer before any of them is emitted. `from`: what is before it does not count as order. */
export async function surveyOf(rows: Rows, rules: RecordRules, from = -Infinity): Promise<Survey> {
  let [oldest, newest, atNewest, fallsBack] = [Infinity, -Infinity, 0, 0];
  const batches: (() => readonly unknown[])[] = [];
  for (const batch of rows.batches) {
    const records = batch.rows();
    batches.push(kept(batch, records, rows.batches.length === 1));
    for (const record of records) {
      const time = timeOf(rules, record);
      if (time === undefined) continue;
      oldest = Math.min(oldest, time);
      if (time >= from) fallsBack = Math.max(fallsBack, newest - time);
      if (time > newest) [newest, atNewest] = [time, 1];
      else if (time === newest) atNewest += 1;
    }
    if (rows.batches.length > 1) await turn();
  }
  const none = newest === -Infinity;
  return {
    received: rows.length,
    oldest: none ? undefined : oldest,
    newest: none ? undefined : newest,
    atNewest,
    fallsBack,
    batches,
  };
}

/** The records of a single batch are kept; those of several are parsed again, so that one batch is in memory. */
function kept(
  batch: Rows['batches'][number],
  records: readonly unknown[],
  keep: boolean,
): () => readonly unknown[] {
  return keep ? () => records : () => batch.rows();
}
