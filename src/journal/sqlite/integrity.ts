import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { StateFiles } from './files.ts';
import { BUSY_TIMEOUT } from './pragma.ts';
import { openForReading } from './read-only.ts';
import { isCorrupt } from './result-codes.ts';

type Check = 'integrity_check' | 'quick_check';

/**
 * What an integrity check finds wrong, in one line; undefined when all is well. It reads the whole database through its
 * log.
 * @throws what SQLite raises when the check cannot be made.
 */
export function findDamage(database: DatabaseSync, check: Check): string | undefined {
  try {
    const [first] = database.prepare(`PRAGMA ${check}(1)`).all();
    const finding = String(Object.values(first ?? {})[0]);
    return finding === 'ok' ? undefined : finding.replaceAll(/\s+/g, ' ');
  } catch (error) {
    if (isCorrupt(error)) return (error as Error).message;
    throw error;
  }
}

/** As `findDamage`, of a state's database that SQLite called corrupt, by a connection of its own. */
export function findDamageIn(files: StateFiles): string | undefined {
  try {
    using database = openForReading(files);
    return findDamage(database, 'integrity_check');
  } catch (error) {
    if (isCorrupt(error)) return (error as Error).message;
    throw error;
  }
}

/**
 * Opens a database that nobody else writes to, to look at it. Without a log it is opened for writing: what SQLite makes
 * beside it is gone when it is closed. A log that holds something stays as it is.
 */
export function openToCheck({ database, wal }: StateFiles): DatabaseSync {
  const hasLog = (statSync(wal, { throwIfNoEntry: false })?.size ?? 0) > 0;
  return new DatabaseSync(database, { readOnly: hasLog, timeout: BUSY_TIMEOUT });
}
