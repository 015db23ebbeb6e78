import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../core/clock.ts';
import type { Journal } from '../journal.ts';
import { stateFiles } from './files.ts';
import { applyMigrations, MIGRATIONS } from './schema.ts';
import { SqliteJournal } from './sqlite-journal.ts';

/** A disk with room. */
const statfs = () => ({ type: 0, bavail: 2 ** 30, blocks: 2 ** 30, bsize: 4096 });

/** The state in memory, which nothing outlives. */
export function memoryDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  applyMigrations(database, MIGRATIONS);
  return database;
}

/** A journal in memory: for trials and tests. */
export function memoryJournal(clock: Clock, database = memoryDatabase()): Journal {
  const files = stateFiles('/nonexistent');
  return new SqliteJournal({ database, files, statfs, clock, maxBytes: 2 ** 30, retain: 0 });
}
