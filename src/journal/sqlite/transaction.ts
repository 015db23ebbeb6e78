import type { DatabaseSync } from 'node:sqlite';

/**
 * Runs `work` in one write transaction, taken at the start so that what it reads cannot change under it. `work` is
 * synchronous: no transaction spans an await, or the other loop's statements would get into it.
 */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite has already rolled back by itself after some errors, a full disk among them.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
