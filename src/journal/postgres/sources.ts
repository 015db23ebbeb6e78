import type { SourceIdentity } from '../../core/stream-key.ts';
import { OWN_TYPE, type SourceStore } from '../collection.ts';
import { type KnownSource, requireSameSource } from '../source-identity.ts';
import { toStored } from '../stored-text.ts';
import type { Database, Transaction } from './database.ts';
import { IS_FREE } from './lease-statements.ts';

interface SourceRow extends KnownSource {
  readonly name: string;
}

const SELECT = 'SELECT name, type, origin, account FROM penstock.source WHERE name = ANY($1)';
// A name keeps what it stands for. In the order of the names, so that two replicas that start do not block each other.
const INSERT = `
  INSERT INTO penstock.source AS known (name, type, origin, account)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS given (name, type, origin, account) ORDER BY name
  ON CONFLICT (name) DO UPDATE SET type = excluded.type, origin = excluded.origin, account = excluded.account
  WHERE known.type IS NULL`;
const ORPHANS = `
  penstock.stream WHERE source = $1 AND NOT orphaned AND type <> '${OWN_TYPE}' AND scope <> ALL($2)`;

/** Nobody takes these while it is decided whether they are held: another replica may have them in its configuration. $1: names. */
const LOCK_OTHERS = `
  SELECT FROM penstock.lease WHERE kind = 'source' AND name <> ALL($1) AND ${IS_FREE} ORDER BY name FOR UPDATE`;
const ORPHAN_OTHERS = `
  UPDATE penstock.stream SET orphaned = true WHERE source <> ALL($1) AND NOT orphaned AND NOT EXISTS (
    SELECT FROM penstock.lease WHERE kind = 'source' AND name = stream.source AND NOT ${IS_FREE})`;

/** The sources by name, and which streams no source claims any more. */
export class PostgresSources implements SourceStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async open(sources: readonly SourceIdentity[]): Promise<void> {
    const names = sources.map(({ name }) => name);
    const columns = [
      names,
      ...(['type', 'origin', 'account'] as const).map((key) => sources.map((one) => one[key])),
    ];
    await this.#database.transact(async (transaction) => {
      await Promise.all([
        transaction.run(LOCK_OTHERS, [names]),
        transaction.run(INSERT, columns),
        this.#requireSame(sources, transaction),
      ]);
      await transaction.last(ORPHAN_OTHERS, [names]);
    });
  }

  async requireSame(sources: readonly SourceIdentity[]): Promise<void> {
    await this.#requireSame(sources, this.#database);
  }

  async orphanStreams(source: string, scopes: readonly string[]): Promise<void> {
    const parameters = [source, scopes.map(toStored)];
    const found = await this.#database.query(`SELECT 1 FROM ${ORPHANS} LIMIT 1`, parameters);
    if (found.length === 0) return;
    await this.#database.fenced({ kind: 'source', name: source }, (transaction) =>
      transaction.last(
        `UPDATE penstock.stream SET orphaned = true WHERE id IN (SELECT id FROM ${ORPHANS})`,
        parameters,
      ),
    );
  }

  async setNextDue(name: string, at: number): Promise<void> {
    await this.#database.fenced({ kind: 'source', name }, (transaction) =>
      transaction.last(
        `INSERT INTO penstock.source (name, next_due) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET next_due = excluded.next_due`,
        [name, at],
      ),
    );
  }

  async nextDue(name: string): Promise<number | undefined> {
    const [row] = await this.#database.query<{ at: number | null }>(
      'SELECT next_due AS at FROM penstock.source WHERE name = $1',
      [name],
    );
    return row?.at ?? undefined;
  }

  async #requireSame(sources: readonly SourceIdentity[], reader: Pick<Transaction, 'query'>): Promise<void> {
    const rows = await reader.query<SourceRow>(SELECT, [sources.map(({ name }) => name)]);
    const known = new Map(rows.map((row) => [row.name, row]));
    for (const source of sources) requireSameSource(source, known.get(source.name), 'state.postgres.schema');
  }
}
