import { DatabaseSync } from 'node:sqlite';
import type { FileSystemFacts } from '../../../src/journal/sqlite/files.ts';
import { type JournalOptions, openJournal } from '../../../src/journal/sqlite/open.ts';
import { page, records, STREAM } from './commits.ts';

const GIB = 2 ** 30;
export const LOCAL: FileSystemFacts = { type: 0xef53, bavail: GIB, blocks: GIB, bsize: 1 };

/** Options with room for everything; delivered pages go at once. */
export function options(path: string, changes: Partial<JournalOptions> = {}): JournalOptions {
  return { path, maxBytes: 2 * GIB, retain: 0, statfs: () => LOCAL, ...changes };
}

/** A state that was used and closed: one stream, one page of two events. */
export async function usedState(path: string): Promise<void> {
  await using journal = await openJournal(options(path));
  await journal.streams.open(STREAM);
  await journal.destinations.open(['siem'], 0);
  await journal.commit(page({ records: records(2), cursor: { at: 1 } }));
}

/** Runs SQL on a database file. */
export function tamper(file: string, sql: string): void {
  using database = new DatabaseSync(file);
  database.exec(sql);
}

/** The first row of a query, read beside the process that has the database open. */
export function peek(file: string, sql: string): Record<string, unknown> | undefined {
  using database = new DatabaseSync(file, { readOnly: true });
  return database.prepare(sql).get();
}

/** All rows of a query, read beside the process that has the database open. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- rows are named as the columns of the query are
export function rowsOf<Row>(file: string, sql: string): readonly Row[] {
  using database = new DatabaseSync(file, { readOnly: true });
  return database.prepare(sql).all() as unknown as readonly Row[];
}
