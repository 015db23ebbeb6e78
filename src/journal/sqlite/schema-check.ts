import { DatabaseSync } from 'node:sqlite';
import { applyMigrations } from './migrate.ts';
import { schemaVersion } from './pragma.ts';
import { unreleasedSchema } from './state-problems.ts';

/**
 * Holds a database's tables against those that its version makes. Before the first release the schema changed and
 * stayed version 1, so the number alone does not tell whether this build can read a state.
 * @returns the database's version, which is not above the length of `migrations`
 * @throws StateError made by a build that was not released
 */
export function requireKnownTables(
  database: DatabaseSync,
  path: string,
  migrations: readonly string[],
): number {
  // One moment for all reads: the holder may be migrating.
  database.exec('BEGIN');
  try {
    const version = schemaVersion(database);
    const differing = differences(outline(database), outlineOf(migrations.slice(0, version)));
    if (differing.length > 0) throw unreleasedSchema(path, version, differing);
    return version;
  } finally {
    database.exec('COMMIT');
  }
}

/** What each table, index and trigger is, by its name. */
type Outline = ReadonlyMap<string, string>;

/**
 * Tables by their columns and not by their SQL, which SQLite rewrites when a table is altered; the others, which it
 * leaves alone, by their SQL.
 */
const OUTLINE = `
  SELECT type || ' ' || name AS name,
    CASE type WHEN 'table'
      THEN (SELECT json_group_array(json_array(c.name, c.type, c."notnull", c.dflt_value, c.pk)) FROM pragma_table_info(o.name) AS c)
      ELSE tbl_name || ' ' || sql
    END AS made
  FROM sqlite_schema AS o WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
`;

function outline(database: DatabaseSync): Outline {
  const rows = database.prepare(OUTLINE).all() as { name: string; made: string }[];
  return new Map(rows.map(({ name, made }) => [name, made.replaceAll(/\s+/g, ' ')]));
}

function outlineOf(migrations: readonly string[]): Outline {
  using database = new DatabaseSync(':memory:');
  applyMigrations(database, migrations);
  return outline(database);
}

/** In words, such as `table held is missing`. */
function differences(found: Outline, known: Outline): string[] {
  return [...new Set([...known.keys(), ...found.keys()])].flatMap((name) => {
    if (!found.has(name)) return [`${name} is missing`];
    if (!known.has(name)) return [`${name} is unknown`];
    return found.get(name) === known.get(name) ? [] : [`${name} is different`];
  });
}
