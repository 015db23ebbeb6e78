import { StateError } from '../../core/errors.ts';
import { fromExported, type StoredStream, toExported } from '../exported-stream.ts';
import { type ExportedStream, type Forgotten, stateDocument, type StateDocument } from '../state-document.ts';
import type { Connection } from './connection.ts';
import { recountLedger } from './ledger.ts';
import { changeState, readState, type StateOptions } from './open.ts';

/** All streams of a state as of one moment. `now`: epoch ms. */
export function exportState(options: StateOptions, now: number): StateDocument {
  return readState(options, (connection) => stateDocument(streamsOf(connection), now));
}

/**
 * Imports a document into an empty state, which is created if it does not exist: all of it, or nothing.
 * @throws StateError when the state is not empty, and as `openJournal`
 */
export function importState(options: StateOptions, { streams }: StateDocument): void {
  changeState(options, (connection) => {
    if (!isFresh(connection)) {
      throw new StateError(
        `The state in ${options.path} is not empty, so an import would mix two states. Set state.path to an empty directory, or move this one away.`,
      );
    }
    for (const stream of streams) recountLedger(connection, write(connection, stream));
  });
}

function isFresh(connection: Connection): boolean {
  const held = connection.first<{ held: number }>(
    'SELECT EXISTS (SELECT 1 FROM stream UNION ALL SELECT 1 FROM page) AS held',
  );
  return held?.held === 0;
}

interface StreamRow extends Omit<StoredStream, 'orphaned'> {
  readonly id: number;
  readonly orphaned: number;
}

function streamsOf(connection: Connection): ExportedStream[] {
  const rows = connection.all<StreamRow>(
    `SELECT id, source, type, origin, account, scope, cursor_version, cursor, last_complete, deferred AS owed, dropped, orphaned
     FROM stream ORDER BY key`,
  );
  return rows.map(({ id, orphaned, ...row }) =>
    toExported({
      stream: { ...row, orphaned: orphaned === 1 },
      ledger: connection.all('SELECT key, rest, at, uid, value FROM ledger WHERE stream = :id ORDER BY key', {
        id,
      }),
      coverage: connection.all(
        'SELECT from_at AS "from", to_at AS "to" FROM coverage WHERE stream = :id ORDER BY from_at',
        { id },
      ),
      gaps: connection.all(
        `SELECT part, reason, from_at AS "from", to_at AS "to", opened, closed, emitted AS told FROM gap
         WHERE stream = :id ORDER BY gap.id`,
        { id },
      ),
    }),
  );
}

/** Returns the row id of the stream. */
function write(connection: Connection, exported: ExportedStream): number {
  const { key, stream, ledger, coverage, gaps } = fromExported(exported);
  const { id } = connection.first<{ id: number }>(
    `INSERT INTO stream (key, source, type, origin, account, scope, cursor_version, cursor, last_complete, deferred, dropped, orphaned)
     VALUES (:key, :source, :type, :origin, :account, :scope, :cursor_version, :cursor, :last_complete, :owed, :dropped, :orphaned)
     RETURNING id`,
    { ...stream, key, orphaned: Number(stream.orphaned) },
  ) as { id: number };
  for (const entry of ledger)
    connection.run(
      'INSERT INTO ledger (stream, key, rest, at, uid, value) VALUES (:id, :key, :rest, :at, :uid, :value)',
      { id, ...entry },
    );
  for (const { from, to } of coverage)
    connection.run('INSERT INTO coverage (stream, from_at, to_at) VALUES (:id, :from, :to)', {
      id,
      from,
      to,
    });
  for (const gap of gaps)
    connection.run(
      `INSERT INTO gap (stream, part, reason, from_at, to_at, opened, closed, emitted)
       VALUES (:id, :part, :reason, :from, :to, :opened, :closed, :told)`,
      { id, ...gap },
    );
  return id;
}

const OWN = 'IN (SELECT id FROM stream WHERE source = :name)';
const HELD =
  'EXISTS (SELECT 1 FROM page WHERE stream = stream.id) OR EXISTS (SELECT 1 FROM dead_letter WHERE stream = stream.id)';

/**
 * Forgets all that the state knows of a source, also its type and origin. Events in the journal are still delivered, and
 * its dead letters and spent quotas stay.
 * @throws StateError as `openJournal`
 */
export function forgetSource(options: StateOptions, name: string): Forgotten {
  return changeState(options, (connection) => {
    const forgotten = count(connection, name);
    for (const table of ['ledger', 'ledger_size', 'coverage', 'gap', 'poll'])
      connection.run(`DELETE FROM ${table} WHERE stream ${OWN}`, { name });
    connection.run(`DELETE FROM stream WHERE source = :name AND NOT (${HELD})`, { name });
    connection.run(
      `UPDATE stream SET cursor = NULL, last_complete = NULL, last_error = NULL, deferred = 0, dropped = 0, orphaned = 1
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
