import type { DatabaseSync } from 'node:sqlite';
import { StateError } from '../../core/errors.ts';
import { parseJson, toJson, type Json } from '../../core/json.ts';
import type { LedgerValue, Span } from '../../core/source.ts';
import { Query } from './query.ts';
import { changeState, readState, type StateOptions } from './sqlite-journal.ts';
import { hashedKey, isHashed, keyText, ledgerKey } from './ledger-key.ts';
import { LedgerStore } from './ledger-store.ts';
import { fromStored, toStored } from './stored-text.ts';
import { streamKey } from '../../core/stream-key.ts';
import { stateDocument, type ExportedStream, type StateDocument } from '../state-document.ts';

/** All streams of a state as they are at one moment. `now`: epoch ms. */
export function exportState(options: StateOptions, now: number): StateDocument {
  return readState(options, (database) => stateDocument(new Reader(database).streams(), now));
}

/**
 * Puts what was exported into a state that knows nothing yet, which is made if need be: all of it, or nothing.
 * @throws StateError when it knows something, and as `openJournal`
 */
export function importState(options: StateOptions, { streams }: StateDocument): void {
  changeState(options, (database) => {
    if (!isFresh(database)) {
      throw new StateError(
        `The state in ${options.path} is not empty, and what it knows would be mixed up with what comes in. Name an empty directory in state.path, or move this one away.`,
      );
    }
    const write = writer(database);
    for (const stream of streams) write(stream);
  });
}

function isFresh(database: DatabaseSync): boolean {
  const held = new Query<{ held: number }>(
    database,
    'SELECT EXISTS (SELECT 1 FROM stream UNION ALL SELECT 1 FROM journal) AS held',
  );
  return held.first()?.held === 0;
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

class Reader {
  readonly #streams: Query<StreamRow>;
  readonly #ledger: Query<LedgerRow>;
  readonly #coverage: Query<Span>;
  readonly #gaps: Query<GapRow>;

  constructor(database: DatabaseSync) {
    this.#streams = new Query(
      database,
      `SELECT id, source, type, origin, account, scope, cursor_version, cursor, last_complete, owed, orphaned
       FROM stream ORDER BY key`,
    );
    this.#ledger = new Query(
      database,
      'SELECT key, rest, at, uid, value FROM ledger WHERE stream = :id ORDER BY key',
    );
    this.#coverage = new Query(
      database,
      'SELECT from_at AS "from", to_at AS "to" FROM coverage WHERE stream = :id ORDER BY from_at',
    );
    this.#gaps = new Query(
      database,
      `SELECT part, reason, from_at AS "from", to_at AS "to", opened, closed, told FROM gap
       WHERE stream = :id ORDER BY gap.id`,
    );
  }

  streams(): ExportedStream[] {
    return this.#streams.all().map(({ id, cursor, orphaned, ...row }) => ({
      ...row,
      cursor: cursor === null ? null : (parseJson(cursor) as Json),
      orphaned: orphaned === 1,
      scope: fromStored(row.scope),
      ledger: this.#ledger.all({ id }).map(toExported),
      coverage: this.#coverage.all({ id }).map((span) => ({ ...span })),
      gaps: this.#gaps.all({ id }).map((gap) => ({ ...gap, part: fromStored(gap.part) })),
    }));
  }
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

function writer(database: DatabaseSync): (stream: ExportedStream) => void {
  const insertStream = database.prepare(
    `INSERT INTO stream (key, source, type, origin, account, scope, cursor_version, cursor, last_complete, owed, orphaned)
     VALUES (:key, :source, :type, :origin, :account, :scope, :cursor_version, :cursor, :last_complete, :owed, :orphaned)`,
  );
  const insertEntry = database.prepare(
    'INSERT INTO ledger (stream, key, rest, at, uid, value) VALUES (:id, :key, :rest, :at, :uid, :value)',
  );
  const insertSpan = database.prepare(
    'INSERT INTO coverage (stream, from_at, to_at) VALUES (:id, :from, :to)',
  );
  const insertGap = database.prepare(
    `INSERT INTO gap (stream, part, reason, from_at, to_at, opened, closed, told)
     VALUES (:id, :part, :reason, :from, :to, :opened, :closed, :told)`,
  );
  return ({ cursor, orphaned, ledger, coverage, gaps, ...row }) => {
    const { lastInsertRowid: id } = insertStream.run({
      ...row,
      key: toStored(streamKey(row)),
      scope: toStored(row.scope),
      cursor: cursor === null ? null : toJson(cursor),
      orphaned: Number(orphaned),
    });
    for (const { key, hashed, value, ...entry } of ledger) {
      const stored = hashed === true ? hashedKey(key) : ledgerKey(key);
      insertEntry.run({ id, ...entry, ...stored, value: toJson(value) });
    }
    new LedgerStore(database).count(Number(id));
    for (const { from, to } of coverage) insertSpan.run({ id, from, to });
    for (const gap of gaps) insertGap.run({ id, ...gap, part: toStored(gap.part) });
  };
}
