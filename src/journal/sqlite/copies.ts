import { readdirSync } from 'node:fs';

/** Names of the copies of a database that were made before migrations, `penstock.db.v<N>`, oldest first. */
export function copiesIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => /^penstock\.db\.v\d+$/.test(name))
    .toSorted((a, b) => copiedVersion(a) - copiedVersion(b));
}

/** The schema version that a copy has, by its name. */
export function copiedVersion(name: string): number {
  return Number(name.split('.v').at(-1));
}
