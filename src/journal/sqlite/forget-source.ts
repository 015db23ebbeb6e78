import type { DatabaseSync } from 'node:sqlite';
import { Query } from './query.ts';
import { changeState, type StateOptions } from './sqlite-journal.ts';

/** What was forgotten of a source. */
export interface Forgotten {
  readonly streams: number;
  readonly ledger: number;
}

const OWN = 'IN (SELECT id FROM stream WHERE source = :name)';
const HELD =
  'EXISTS (SELECT 1 FROM journal WHERE stream = stream.id) OR EXISTS (SELECT 1 FROM dead_letter WHERE stream = stream.id)';

/**
 * Forgets all that the state knows of a source by its name, its type and origin too. What it journaled still goes out,
 * its dead letters stay, and so does what was spent of its budgets.
 * @throws StateError as `openJournal`
 */
export function forgetSource(options: StateOptions, name: string): Forgotten {
  return changeState(options, (database) => {
    const forgotten = count(database, name);
    for (const table of ['ledger', 'ledger_size', 'coverage', 'gap', 'poll'])
      database.prepare(`DELETE FROM ${table} WHERE stream ${OWN}`).run({ name });
    database.prepare(`DELETE FROM stream WHERE source = :name AND NOT (${HELD})`).run({ name });
    database
      .prepare(
        `UPDATE stream SET cursor = NULL, last_complete = NULL, last_error = NULL, owed = 0, orphaned = 1
         WHERE source = :name`,
      )
      .run({ name });
    database.prepare("DELETE FROM seen WHERE subject = 'source ' || :name").run({ name });
    database.prepare('DELETE FROM source WHERE name = :name').run({ name });
    return forgotten;
  });
}

function count(database: DatabaseSync, name: string): Forgotten {
  const counted = new Query<Forgotten>(
    database,
    `SELECT count(*) AS streams, coalesce(sum((SELECT entries FROM ledger_size WHERE ledger_size.stream = stream.id)), 0) AS ledger
     FROM stream WHERE source = :name`,
  );
  return { streams: 0, ledger: 0, ...counted.first({ name }) };
}
