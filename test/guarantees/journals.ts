import { join } from 'node:path';

/** Where the state of a stage is: one row of the matrix for each. */
export interface TestJournal {
  readonly name: string;
  /** Makes a place for a state, and the `state` block of a configuration that names it. */
  open(directory: string): Promise<AsyncDisposable & { readonly state: Readonly<Record<string, unknown>> }>;
}

const sqlite: TestJournal = {
  name: 'SQLite',
  open: async (directory) => ({
    state: { path: join(directory, 'state') },
    // It is removed with the directory.
    [Symbol.asyncDispose]: async () => undefined,
  }),
};

export const JOURNALS = [sqlite] as const;
