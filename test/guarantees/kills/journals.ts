import { join } from 'node:path';
import { NO_POSTGRES, ownSchema, sharedPostgres } from '../../support/postgres.ts';
import type { JournalName } from './steps.ts';

/** Where the state of a stage is. */
export interface TestJournal {
  readonly name: JournalName;
  /** Why it cannot be used on this machine. */
  readonly missing?: string | undefined;
  /** Makes a place for a state. `lease`: `state.lease`, where there is one. */
  open(directory: string, lease: string): Promise<StatePlace>;
}

export interface StatePlace extends AsyncDisposable {
  /** The `state` block of a configuration that names it. */
  readonly state: Readonly<Record<string, unknown>>;
  /** What a killed process held is free at once, instead of when its leases end: as if that time had passed. */
  readonly free: () => Promise<void>;
}

export const SQLITE: TestJournal = {
  name: 'SQLite',
  open: async (directory) => ({
    state: { path: join(directory, 'state') },
    // The lock of a process ends with it.
    free: async () => undefined,
    // It is removed with the directory.
    [Symbol.asyncDispose]: async () => undefined,
  }),
};

const POSTGRESQL: TestJournal = {
  name: 'PostgreSQL',
  missing: NO_POSTGRES,
  async open(_, lease) {
    const { url, schema, ...place } = await ownSchema();
    const server = await sharedPostgres();
    return {
      state: { postgres: { url, schema }, lease },
      async free() {
        const [row] = await server.query<{ is: boolean }>(
          `SELECT to_regclass('${schema}.lease') IS NOT NULL AS is`,
        );
        if (row?.is !== true) return;
        for (const table of ['lease', 'replica'])
          await server.query(`UPDATE ${schema}.${table} SET expires_at = clock_timestamp()`);
      },
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    };
  },
};

export const JOURNALS: readonly TestJournal[] = [SQLITE, POSTGRESQL];
