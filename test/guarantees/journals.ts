import { join } from 'node:path';
import { NO_POSTGRES, ownSchema } from '../support/postgres.ts';
import type { JournalName } from './steps.ts';

/** Where the state of a stage is. */
export interface TestJournal {
  readonly name: JournalName;
  /** Why it cannot be used on this machine. */
  readonly missing?: string | undefined;
  /** Makes a place for a state, and the `state` block of a configuration that names it. */
  open(directory: string): Promise<AsyncDisposable & { readonly state: Readonly<Record<string, unknown>> }>;
  /** Cells of the matrix that are worked on at once. */
  readonly atOnce: number;
  /** How long a process may wait for what a killed one held. Milliseconds. */
  readonly lease: number;
}

export const SQLITE: TestJournal = {
  name: 'SQLite',
  open: async (directory) => ({
    state: { path: join(directory, 'state') },
    // It is removed with the directory.
    [Symbol.asyncDispose]: async () => undefined,
  }),
  // The machine of a CI has two cores.
  atOnce: 2,
  lease: 0,
};

/** The shortest that the configuration accepts. Milliseconds. */
const LEASE = 3_000;

const POSTGRESQL: TestJournal = {
  name: 'PostgreSQL',
  missing: NO_POSTGRES,
  async open() {
    const place = await ownSchema();
    return {
      state: { postgres: { url: place.url, schema: place.schema }, lease: `${LEASE}ms` },
      [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
    };
  },
  // Most of the time a process waits until the leases of the killed one have expired.
  atOnce: 8,
  lease: LEASE,
};

export const JOURNALS: readonly TestJournal[] = [SQLITE, POSTGRESQL];
