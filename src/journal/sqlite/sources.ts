import type { SourceIdentity } from '../../core/stream-key.ts';
import { OWN_TYPE, type SourceStore } from '../collection.ts';
import { type Connection, orUndefined } from './connection.ts';
import { changedSource } from './state-problems.ts';
import { toStored } from './stored-text.ts';

interface SourceRow {
  readonly type: string | null;
  readonly origin: string | null;
  readonly account: string | null;
  readonly nextDue: number | null;
}

/** The sources by name, and which streams no source claims any more. */
export class SqliteSources implements SourceStore {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async open(sources: readonly SourceIdentity[]): Promise<void> {
    this.#connection.transact(() => {
      for (const source of sources) this.#requireSame(source);
      for (const { name, type, origin, account } of sources)
        this.#connection.run(
          `INSERT INTO source (name, type, origin, account) VALUES (:name, :type, :origin, :account)
           ON CONFLICT (name) DO UPDATE
           SET type = excluded.type, origin = excluded.origin, account = excluded.account`,
          { name, type, origin, account },
        );
      this.#connection.run(
        'UPDATE stream SET orphaned = 1 WHERE source NOT IN (SELECT value FROM json_each(:names))',
        { names: JSON.stringify(sources.map(({ name }) => name)) },
      );
    });
  }

  async requireSame(sources: readonly SourceIdentity[]): Promise<void> {
    for (const source of sources) this.#requireSame(source);
  }

  async orphanStreams(source: string, scopes: readonly string[]): Promise<void> {
    this.#connection.run(
      `UPDATE stream SET orphaned = 1
       WHERE source = :source AND orphaned = 0 AND type <> :own
         AND scope NOT IN (SELECT value FROM json_each(:scopes))`,
      { source, own: OWN_TYPE, scopes: JSON.stringify(scopes.map(toStored)) },
    );
  }

  async setNextDue(name: string, at: number): Promise<void> {
    this.#connection.run(
      `INSERT INTO source (name, next_due) VALUES (:name, :at)
       ON CONFLICT (name) DO UPDATE SET next_due = excluded.next_due`,
      { name, at },
    );
  }

  async nextDue(name: string): Promise<number | undefined> {
    return orUndefined(this.#find(name)?.nextDue);
  }

  /** Otherwise its cursors would be read as another vendor's. */
  #requireSame(source: SourceIdentity): void {
    const known = this.#find(source.name);
    if (known === undefined || known.type === null) return;
    const { type, origin, account } = source;
    if (known.type === type && known.origin === origin && known.account === account) return;
    throw changedSource(source.name, inWords(known), inWords(source));
  }

  #find(name: string): SourceRow | undefined {
    return this.#connection.first(
      'SELECT type, origin, account, next_due AS nextDue FROM source WHERE name = :name',
      { name },
    );
  }
}

function inWords({ type, origin, account }: Pick<SourceRow, 'type' | 'origin' | 'account'>): string {
  return `${type} at ${origin}${account === '' ? '' : `, account ${account}`}`;
}
