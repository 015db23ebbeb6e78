import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { schemaVersion, transact } from './connection.ts';
import { copiesIn, createFile, type StateFiles, syncToDisk } from './files.ts';

/** "Pnst", in the header of every database of Penstock. A foreign database has another number. */
export const APPLICATION_ID = 0x50_6e_73_74;

/**
 * The schema as a list of migrations: number N − 1 leads to version N. A released migration is never edited; a later
 * release appends one. Times are epoch milliseconds, `value`, `cursor` and the like JSON.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE source (
    name TEXT PRIMARY KEY,
    type TEXT,
    origin TEXT,
    account TEXT,
    next_due INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    origin TEXT NOT NULL,
    account TEXT NOT NULL,
    scope TEXT NOT NULL,
    cursor_version INTEGER NOT NULL,
    cursor TEXT,
    last_complete INTEGER,
    last_error TEXT,
    deferred INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    orphaned INTEGER NOT NULL DEFAULT 0,
    -- When it was first offered, and when the vendor was last asked: the stream that waited longest is polled first.
    known_since INTEGER,
    asked INTEGER
  ) STRICT;

  CREATE TABLE ledger (
    stream INTEGER NOT NULL REFERENCES stream (id),
    key TEXT NOT NULL,
    -- The rest of a long key: keys are short because the index below holds them a second time.
    rest TEXT,
    at INTEGER NOT NULL,
    uid TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (stream, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX ledger_at ON ledger (stream, at);

  -- The size of each stream's ledger, so that it need not be counted.
  CREATE TABLE ledger_size (
    stream INTEGER PRIMARY KEY REFERENCES stream (id),
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE page (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL REFERENCES stream (id),
    dataset TEXT NOT NULL,
    lane TEXT NOT NULL,
    count INTEGER NOT NULL,
    observed_at INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    -- Of the pages before it, so that what waits behind a position need not be counted.
    records_before INTEGER NOT NULL,
    bytes_before INTEGER NOT NULL,
    -- OTLP log records, one after another, compressed with zstd where that is smaller.
    records BLOB NOT NULL
  ) STRICT;
  -- Measuring and trimming read this instead of the pages' heavy rows.
  CREATE INDEX page_outline
    ON page (sequence, count, stream, committed_at, observed_at, bytes, records_before, bytes_before);
  CREATE INDEX page_bytes ON page (bytes_before);
  CREATE INDEX page_age ON page (committed_at);

  CREATE TABLE destination (
    name TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    page_offset INTEGER NOT NULL,
    last_response TEXT,
    responded_at INTEGER,
    paused TEXT,
    paused_at INTEGER,
    last_named INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Events skipped for a destination whose backlog was at its limit. Until it has ended it may grow. sources: a count of each.
  CREATE TABLE destination_gap (
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    events INTEGER NOT NULL,
    sources TEXT NOT NULL,
    opened INTEGER NOT NULL,
    ended INTEGER
  ) STRICT;

  CREATE TABLE coverage (
    stream INTEGER NOT NULL REFERENCES stream (id),
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    PRIMARY KEY (stream, from_at)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE gap (
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES stream (id),
    part TEXT NOT NULL,
    reason TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    closed INTEGER,
    emitted INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX gap_of ON gap (stream, reason, part);

  CREATE TABLE poll (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL REFERENCES stream (id),
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    duration_ms REAL NOT NULL,
    requests INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    new INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT
  ) STRICT;
  CREATE INDEX poll_of ON poll (stream, id);

  CREATE TABLE quota (
    id INTEGER PRIMARY KEY,
    quota TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX quota_of ON quota (quota, at);

  -- What the process that holds the state reports of its sources and destinations. JSON, by subject.
  CREATE TABLE state (
    subject TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE pause (
    quota TEXT PRIMARY KEY,
    until INTEGER NOT NULL,
    since INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    source TEXT,
    destination TEXT,
    details TEXT NOT NULL,
    created INTEGER NOT NULL,
    progress TEXT,
    finished INTEGER,
    outcome TEXT
  ) STRICT;

  CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    stream INTEGER NOT NULL REFERENCES stream (id),
    dataset TEXT NOT NULL,
    lane TEXT NOT NULL,
    uid TEXT NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    observed_at INTEGER NOT NULL,
    record BLOB NOT NULL,
    UNIQUE (destination, uid)
  ) STRICT;

  -- The size of all pages and dead letters, which state.max_bytes limits, so that it need not be counted.
  CREATE TABLE held (
    what TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO held VALUES ('pages', 0), ('dead letters', 0);
  CREATE TRIGGER page_added AFTER INSERT ON page BEGIN
    UPDATE held SET bytes = bytes + NEW.bytes WHERE what = 'pages';
  END;
  CREATE TRIGGER page_removed AFTER DELETE ON page BEGIN
    UPDATE held SET bytes = bytes - OLD.bytes WHERE what = 'pages';
  END;
  CREATE TRIGGER dead_letter_added AFTER INSERT ON dead_letter BEGIN
    UPDATE held SET bytes = bytes + octet_length(NEW.record) + octet_length(NEW.reason) WHERE what = 'dead letters';
  END;
  CREATE TRIGGER dead_letter_changed AFTER UPDATE ON dead_letter BEGIN
    UPDATE held SET bytes = bytes + octet_length(NEW.reason) - octet_length(OLD.reason) WHERE what = 'dead letters';
  END;
  CREATE TRIGGER dead_letter_removed AFTER DELETE ON dead_letter BEGIN
    UPDATE held SET bytes = bytes - octet_length(OLD.record) - octet_length(OLD.reason) WHERE what = 'dead letters';
  END;
  `,
];

const COPIES_KEPT = 2;

/**
 * Migrates a database, one transaction for each migration. Before the first one it is copied to `penstock.db.v<N>`, so that
 * the previous release can be used again. The last two copies are kept.
 */
export function migrate(database: DatabaseSync, files: StateFiles, migrations: readonly string[]): void {
  const version = schemaVersion(database);
  if (version >= migrations.length) return;
  copy(database, files, version);
  applyMigrations(database, migrations);
  for (const name of copiesIn(files.directory).slice(0, -COPIES_KEPT)) rmSync(join(files.directory, name));
  // The version must be in the file itself: an older release reads it there before it opens the log.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

/** The migrations alone, without a copy: for a database that is being created. */
export function applyMigrations(database: DatabaseSync, migrations: readonly string[]): void {
  for (const [index, sql] of migrations.entries()) {
    if (index < schemaVersion(database)) continue;
    transact(database, () => {
      database.exec(sql);
      database.exec(`PRAGMA user_version = ${index + 1}`);
    });
  }
}

/** The copy gets its name when it is complete, so that nobody goes back to half a copy. */
function copy(database: DatabaseSync, { directory, database: path }: StateFiles, version: number): void {
  const unfinished = `${path}.copy`;
  if (existsSync(unfinished)) rmSync(unfinished);
  createFile(unfinished);
  database.prepare('VACUUM INTO ?').run(unfinished);
  syncToDisk(unfinished);
  renameSync(unfinished, `${path}.v${version}`);
  syncToDisk(directory);
}
