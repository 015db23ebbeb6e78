import { StateError } from '../../core/errors.ts';
import {
  fromExported,
  type StoredEntry,
  type StoredStream,
  type StreamRows,
  toExported,
} from '../exported-stream.ts';
import { type ExportedStream, type Forgotten, stateDocument, type StateDocument } from '../state-document.ts';
import { fromStored, toStored } from '../stored-text.ts';
import type { Database, Transaction } from './database.ts';
import { writeEntries } from './ledger.ts';

const SELECT_STREAMS = `
  SELECT id, source, type, origin, account, scope, cursor_version, cursor, last_complete, deferred AS owed, dropped, orphaned
  FROM penstock.stream ORDER BY key`;
const SELECT_LEDGER = 'SELECT key, rest, at, uid, value FROM penstock.ledger WHERE stream = $1 ORDER BY key';
const SELECT_COVERAGE = `
  SELECT from_at AS "from", to_at AS "to" FROM penstock.coverage WHERE stream = $1 ORDER BY from_at`;
const SELECT_GAPS = `
  SELECT part, reason, from_at AS "from", to_at AS "to", opened, closed, emitted::integer AS told FROM penstock.gap
  WHERE stream = $1 ORDER BY id`;

/** All streams of a state as of one moment. `now`: epoch ms. */
export async function exportState(database: Database, now: number): Promise<StateDocument> {
  return database.transact(async (transaction) => {
    await transaction.run('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const streams: ExportedStream[] = [];
    for (const { id, ...stream } of await transaction.query<StoredStream & { id: number }>(SELECT_STREAMS)) {
      const [ledger, coverage, gaps] = await Promise.all([
        transaction.query<StoredEntry>(SELECT_LEDGER, [id]),
        transaction.query<StreamRows['coverage'][number]>(SELECT_COVERAGE, [id]),
        transaction.query<StreamRows['gaps'][number]>(SELECT_GAPS, [id]),
      ]);
      const entries = ledger.map((entry) => ({ ...entry, uid: fromStored(entry.uid) }));
      streams.push(toExported({ stream, ledger: entries, coverage, gaps }));
    }
    return stateDocument(streams, now);
  });
}

const IS_FRESH =
  'SELECT NOT EXISTS (SELECT FROM penstock.stream) AND NOT EXISTS (SELECT FROM penstock.page) AS fresh';
const INSERT_STREAM = `
  INSERT INTO penstock.stream
    (key, source, type, origin, account, scope, cursor_version, cursor, last_complete, deferred, dropped, orphaned)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`;
const INSERT_COVERAGE = `
  INSERT INTO penstock.coverage (stream, from_at, to_at) SELECT $1, * FROM unnest($2::bigint[], $3::bigint[])`;
const INSERT_GAP = `
  INSERT INTO penstock.gap (stream, part, reason, from_at, to_at, opened, closed, emitted)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`;

/** Entries of a ledger that one statement writes. */
const AT_ONCE = 1_000;

/**
 * Imports a document into an empty state: all of it, or nothing.
 * @param place of the state, in words
 * @throws StateError when the state is not empty
 */
export async function importState(database: Database, document: StateDocument, place: string): Promise<void> {
  await database.transact(async (transaction) => {
    // No replica makes streams while it is decided whether there are none.
    await transaction.run('LOCK TABLE penstock.stream IN SHARE ROW EXCLUSIVE MODE');
    const [found] = await transaction.query<{ fresh: boolean }>(IS_FRESH);
    if (found?.fresh !== true) {
      throw new StateError(
        `The state in ${place} is not empty, so an import would mix two states. Set state.postgres.schema to a schema that does not exist yet, or drop this one.`,
      );
    }
    for (const stream of document.streams) await write(transaction, stream);
    // Statements are planned by statistics, and nobody else collects them for a minute.
    await transaction.run('ANALYZE penstock.stream, penstock.ledger');
  });
}

async function write(transaction: Transaction, exported: ExportedStream): Promise<void> {
  const { key, stream, ledger, coverage, gaps } = fromExported(exported);
  const { source, type, origin, account, scope, cursor_version: version, cursor } = stream;
  const rest = [stream.last_complete, stream.owed, stream.dropped, stream.orphaned];
  const row = [key, source, type, origin, account, scope, version, cursor, ...rest];
  const [inserted] = await transaction.query<{ id: number }>(INSERT_STREAM, row);
  if (inserted === undefined) throw new Error('INSERT returns the row that it made.');
  const { id } = inserted;
  const entries = ledger.map((entry) => ({ ...entry, uid: toStored(entry.uid.toWellFormed()) }));
  for (let from = 0; from < entries.length; from += AT_ONCE)
    await writeEntries(transaction, id, entries.slice(from, from + AT_ONCE));
  await Promise.all([
    transaction.run(INSERT_COVERAGE, [id, coverage.map(({ from }) => from), coverage.map(({ to }) => to)]),
    ...gaps.map(({ part, reason, from, to, opened, closed, told }) =>
      transaction.run(INSERT_GAP, [id, part, reason, from, to, opened, closed, told !== 0]),
    ),
  ]);
}

const OWN = 'IN (SELECT id FROM penstock.stream WHERE source = $1)';
const HELD = `
  EXISTS (SELECT FROM penstock.page WHERE stream = one.id) OR EXISTS (SELECT FROM penstock.dead_letter WHERE stream = one.id)`;
const COUNT = `
  SELECT count(*) AS streams, coalesce(sum(entries), 0) AS ledger
  FROM penstock.stream LEFT JOIN penstock.ledger_size ON stream = id WHERE source = $1`;
const FORGET = [
  ...['ledger', 'ledger_size', 'coverage', 'gap', 'poll'].map(
    (table) => `DELETE FROM penstock.${table} WHERE stream ${OWN}`,
  ),
  `DELETE FROM penstock.stream AS one WHERE source = $1 AND NOT (${HELD})`,
  `UPDATE penstock.stream SET cursor = NULL, last_complete = NULL, last_error = NULL, deferred = 0, dropped = 0, orphaned = true
   WHERE source = $1`,
  "DELETE FROM penstock.state WHERE subject = 'source ' || $1",
  'DELETE FROM penstock.source WHERE name = $1',
];

/**
 * Forgets all that the state knows of a source, also its type and origin. Events in the journal are still delivered, and
 * its dead letters and spent quotas stay.
 * @throws StateInUseError while a replica polls it
 */
export async function forgetSource(database: Database, name: string): Promise<Forgotten> {
  return database.fenced({ kind: 'source', name }, async (transaction) => {
    const [[forgotten]] = await Promise.all([
      transaction.query<Forgotten>(COUNT, [name]),
      ...FORGET.map((sql) => transaction.run(sql, [name])),
    ]);
    return forgotten ?? { streams: 0, ledger: 0 };
  });
}
