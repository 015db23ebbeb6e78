import type { Connection } from './connection.ts';
import { changeState, type StateOptions } from './open.ts';

/** What was forgotten of a source. */
export interface Forgotten {
  readonly streams: number;
  readonly ledger: number;
}

const OWN = 'IN (SELECT id FROM stream WHERE source = :name)';
const HELD =
  'EXISTS (SELECT 1 FROM page WHERE stream = stream.id) OR EXISTS (SELECT 1 FROM dead_letter WHERE stream = stream.id)';

/**
 * Forgets all that the state knows of a source by its name, its type and origin too. What it journaled still goes out,
 * its dead letters stay, and so does what was spent of its quotas.
 * @throws StateError as `openJournal`
 */
export function forgetSource(options: StateOptions, name: string): Forgotten {
  return changeState(options, (connection) => {
    const forgotten = count(connection, name);
    for (const table of ['ledger', 'ledger_size', 'coverage', 'gap', 'poll'])
      connection.run(`DELETE FROM ${table} WHERE stream ${OWN}`, { name });
    connection.run(`DELETE FROM stream WHERE source = :name AND NOT (${HELD})`, { name });
    connection.run(
      `UPDATE stream SET cursor = NULL, last_complete = NULL, last_error = NULL, deferred = 0, orphaned = 1
       WHERE source = :name`,
      { name },
    );
    connection.run("DELETE FROM state WHERE subject = 'source ' || :name", { name });
    connection.run('DELETE FROM source WHERE name = :name', { name });
    return forgotten;
  });
}

function count(connection: Connection, name: string): Forgotten {
  const counted = connection.first<Forgotten>(
    `SELECT count(*) AS streams, coalesce(sum((SELECT entries FROM ledger_size WHERE ledger_size.stream = stream.id)), 0) AS ledger
     FROM stream WHERE source = :name`,
    { name },
  );
  return { streams: 0, ledger: 0, ...counted };
}
