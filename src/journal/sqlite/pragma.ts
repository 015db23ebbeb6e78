import type { DatabaseSync } from 'node:sqlite';

/** Milliseconds that a statement waits for another process's transaction; each is a few milliseconds long. */
export const BUSY_TIMEOUT = 5_000;

/** The value of a pragma that is a number. */
export function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

/** How many migrations the database has had. */
export function schemaVersion(database: DatabaseSync): number {
  return pragma(database, 'user_version');
}
