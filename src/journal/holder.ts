import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import type { StateFiles } from './files.ts';

interface Holder {
  readonly host: string;
  readonly pid: number;
  readonly since: string;
}

/** Notes who holds the state, for the message to whoever comes second; the lock itself is elsewhere. */
export function noteHolder(database: DatabaseSync, now: number): void {
  const holder: Holder = { host: hostname(), pid: process.pid, since: new Date(now).toISOString() };
  database
    .prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('holder', ?)")
    .run(JSON.stringify(holder));
}

/** Who holds the state, in words. */
export function currentHolder({ database: path }: StateFiles): string {
  try {
    using database = new DatabaseSync(path, { readOnly: true });
    const row = database.prepare("SELECT value FROM meta WHERE name = 'holder'").get();
    const { host, pid, since } = JSON.parse(String(row?.['value'])) as Holder;
    return `process ${pid} on host ${host}, since ${since}`;
  } catch (error) {
    // Only the words are missing: the holder may be about to make the database.
    return `another process (its name cannot be read yet: ${(error as Error).message})`;
  }
}
