import type { PostgresPlace } from '../../../src/config/types.ts';
import { Secret } from '../../../src/core/secret.ts';
import { Database } from '../../../src/journal/postgres/database.ts';
import { prepare } from '../../../src/journal/postgres/migrate.ts';
import { MomentaryFence } from '../../../src/journal/postgres/momentary.ts';
import { MIGRATIONS } from '../../../src/journal/postgres/schema.ts';
import { ownSchema } from '../../support/postgres.ts';

/** The place of a state in a database. */
export function placeAt(url: string, settings: Partial<PostgresPlace> = {}): PostgresPlace {
  return { kind: 'postgres', url: new Secret(url), schema: 'penstock', tls: {}, lease: 15_000, ...settings };
}

/** A database of a state, without its tables. */
export function connect(place: PostgresPlace): Database {
  return new Database(place, (database) => new MomentaryFence(database));
}

/** A schema of the shared server with the tables of a state in it. */
export async function ownDatabase(): Promise<AsyncDisposable & { readonly database: Database }> {
  const own = await ownSchema();
  const database = connect(placeAt(own.url, { schema: own.schema }));
  await prepare(database, MIGRATIONS);
  return {
    database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await own[Symbol.asyncDispose]();
    },
  };
}
