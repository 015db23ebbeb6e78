import { StateError } from '../../core/errors.ts';
import { type Json, parseJson, toJson } from '../../core/json.ts';
import type { LedgerValue, Span } from '../../core/source.ts';
import { streamKey } from '../../core/stream-key.ts';
import { hashedKey, isHashed, keyText, ledgerKey } from '../ledger-key.ts';
import { type ExportedStream, type Forgotten, stateDocument, type StateDocument } from '../state-document.ts';
import { fromStored, toStored } from '../stored-text.ts';
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

interface StreamRow extends Omit<ExportedStream, 'cursor' | 'orphaned' | 'ledger' | 'coverage' | 'gaps'> {
  readonly id: number;
  readonly cursor: string | null;
  readonly orphaned: number;
}

interface LedgerRow {
  readonly key: string;
  readonly rest: string | null;
  readonly at: number;
  readonly uid: string;
  readonly value: string;
}

type GapRow = ExportedStream['gaps'][number];

function streamsOf(connection: Connection): ExportedStream[] {
  const rows = connection.all<StreamRow>(
    `SELECT id, source, type, origin, account, scope, cursor_version, cursor, last_complete, deferred AS owed, dropped, orphaned
     FROM stream ORDER BY key`,
  );
  return rows.map(({ id, cursor, orphaned, ...row }) => ({
    ...row,
    cursor: cursor === null ? null : (parseJson(cursor) as Json),
    orphaned: orphaned === 1,
    scope: fromStored(row.scope),
    ledger: connection
      .all<LedgerRow>('SELECT key, rest, at, uid, value FROM ledger WHERE stream = :id ORDER BY key', { id })
      .map(toExported),
    coverage: connection
      .all<Span>(
        'SELECT from_at AS "from", to_at AS "to" FROM coverage WHERE stream = :id ORDER BY from_at',
        { id },
      )
      .map((span) => ({ ...span })),
    gaps: connection
      .all<GapRow>(
        `SELECT part, reason, from_at AS "from", to_at AS "to", opened, closed, emitted AS told FROM gap
         WHERE stream = :id ORDER BY gap.id`,
        { id },
      )
      .map((gap) => ({ ...gap, part: fromStored(gap.part) })),
  }));
}

function toExported({ key, rest, at, uid, value }: LedgerRow): ExportedStream['ledger'][number] {
  const stored = { key, rest };
  return {
    key: keyText(stored),
    ...(isHashed(stored) && { hashed: true }),
    at,
    uid,
    value: parseJson(value) as LedgerValue,
  };
}

/** Returns the row id of the stream. */
function write(
  connection: Connection,
  { cursor, orphaned, ledger, coverage, gaps, ...row }: ExportedStream,
): number {
  const { id } = connection.first<{ id: number }>(
    `INSERT INTO stream (key, source, type, origin, account, scope, cursor_version, cursor, last_complete, deferred, dropped, orphaned)
     VALUES (:key, :source, :type, :origin, :account, :scope, :cursor_version, :cursor, :last_complete, :owed, :dropped, :orphaned)
     RETURNING id`,
    {
      ...row,
      key: toStored(streamKey(row)),
      scope: toStored(row.scope),
      cursor: cursor === null ? null : toJson(cursor),
      orphaned: Number(orphaned),
    },
  ) as { id: number };
  for (const { key, hashed, value, ...entry } of ledger) {
    const stored = hashed === true ? hashedKey(key) : ledgerKey(key);
    connection.run(
      'INSERT INTO ledger (stream, key, rest, at, uid, value) VALUES (:id, :key, :rest, :at, :uid, :value)',
      { id, ...entry, ...stored, value: toJson(value) },
    );
  }
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
      { id, ...gap, part: toStored(gap.part) },
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
