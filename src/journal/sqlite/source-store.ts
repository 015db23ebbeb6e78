import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SourceIdentity } from '../../core/stream-key.ts';
import { OWN_TYPE } from '../journal.ts';
import { Query, orUndefined } from './query.ts';
import { changedSource } from './state-problems.ts';
import { toStored } from './stored-text.ts';
import { transact } from './transaction.ts';

interface SourceRow {
  readonly type: string | null;
  readonly origin: string | null;
  readonly account: string | null;
  readonly nextDue: number | null;
}

/** The sources by name, and which streams no source claims any more. */
export class SourceStore {
  readonly #database: DatabaseSync;
  readonly #find: Query<SourceRow>;
  readonly #remember: StatementSync;
  readonly #due: StatementSync;
  readonly #orphanUnnamed: StatementSync;
  readonly #orphanScopes: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#find = new Query(
      database,
      'SELECT type, origin, account, next_due AS nextDue FROM source WHERE name = :name',
    );
    this.#remember = database.prepare(
      `INSERT INTO source (name, type, origin, account) VALUES (:name, :type, :origin, :account)
       ON CONFLICT (name) DO UPDATE
       SET type = excluded.type, origin = excluded.origin, account = excluded.account`,
    );
    this.#due = database.prepare(
      `INSERT INTO source (name, next_due) VALUES (:name, :at)
       ON CONFLICT (name) DO UPDATE SET next_due = excluded.next_due`,
    );
    this.#orphanUnnamed = database.prepare(
      'UPDATE stream SET orphaned = 1 WHERE source NOT IN (SELECT value FROM json_each(:names))',
    );
    this.#orphanScopes = database.prepare(
      `UPDATE stream SET orphaned = 1
       WHERE source = :source AND orphaned = 0 AND type <> '${OWN_TYPE}'
         AND scope NOT IN (SELECT value FROM json_each(:scopes))`,
    );
  }

  open(sources: readonly SourceIdentity[]): void {
    transact(this.#database, () => {
      this.requireSame(sources);
      for (const { name, type, origin, account } of sources)
        this.#remember.run({ name, type, origin, account });
      this.#orphanUnnamed.run({ names: JSON.stringify(sources.map(({ name }) => name)) });
    });
  }

  /** @throws StateError for one whose type, origin or account changed: its cursors would be read as another vendor's. */
  requireSame(sources: readonly SourceIdentity[]): void {
    for (const source of sources) this.#requireSame(source);
  }

  orphanStreams(source: string, scopes: readonly string[]): void {
    this.#orphanScopes.run({ source, scopes: JSON.stringify(scopes.map(toStored)) });
  }

  setNextDue(name: string, at: number): void {
    this.#due.run({ name, at });
  }

  nextDue(name: string): number | undefined {
    return orUndefined(this.#find.first({ name })?.nextDue ?? null);
  }

  #requireSame(source: SourceIdentity): void {
    const known = this.#find.first({ name: source.name });
    if (known === undefined || known.type === null) return;
    const { type, origin, account } = source;
    if (known.type === type && known.origin === origin && known.account === account) return;
    throw changedSource(source.name, inWords(known), inWords(source));
  }
}

function inWords({ type, origin, account }: Pick<SourceRow, 'type' | 'origin' | 'account'>): string {
  return `${type} at ${origin}${account === '' ? '' : `, account ${account}`}`;
}
