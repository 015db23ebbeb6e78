import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { createFile, syncToDisk, type StateFiles } from './files.ts';
import { copiesIn } from './copies.ts';
import { schemaVersion } from './pragma.ts';
import { transact } from './connection.ts';

const COPIES_KEPT = 2;

/**
 * Brings a database to the version of `migrations`, one transaction a step. Before the first step it is copied to
 * `penstock.db.v<N>`, so that the release of before can be used again; the last two copies are kept.
 */
export function migrate(database: DatabaseSync, files: StateFiles, migrations: readonly string[]): void {
  const version = schemaVersion(database);
  if (version >= migrations.length) return;
  copy(database, files, version);
  applyMigrations(database, migrations);
  for (const name of copiesIn(files.directory).slice(0, -COPIES_KEPT)) rmSync(join(files.directory, name));
  // The version must be in the file itself, where an older release looks for it before it opens the log.
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

/** The steps alone, without a copy: for a database that is being made. */
export function applyMigrations(database: DatabaseSync, migrations: readonly string[]): void {
  for (const [index, sql] of migrations.entries()) {
    if (index < schemaVersion(database)) continue;
    transact(database, () => {
      database.exec(sql);
      database.exec(`PRAGMA user_version = ${index + 1}`);
    });
  }
}

/** Under another name until it is whole: a copy that was cut off must not look like one to go back to. */
function copy(database: DatabaseSync, { directory, database: path }: StateFiles, version: number): void {
  const unfinished = `${path}.copy`;
  if (existsSync(unfinished)) rmSync(unfinished);
  createFile(unfinished);
  database.prepare('VACUUM INTO ?').run(unfinished);
  syncToDisk(unfinished);
  renameSync(unfinished, `${path}.v${version}`);
  syncToDisk(directory);
}
