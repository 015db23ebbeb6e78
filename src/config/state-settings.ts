import * as z from 'zod';
import { Secret } from '../core/secret.ts';
import { bytes, duration, filePath } from './fields.ts';
import { absolutePath } from './files.ts';
import { tls } from './options.ts';
import { readPostgresUrl } from './postgres-url.ts';
import type { Problems } from './problems.ts';
import { isRecord, type Tree } from './tree.ts';
import type { StateConfig, StatePlace } from './types.ts';

const NO_SCHEMA =
  'expected the name of a schema: lower-case letters, digits and underscores, at most 63, not beginning with a digit or `pg_`';

/** As PostgreSQL takes it without quotes; it reserves `pg_`, and cuts what is longer (manual, "Identifiers and Key Words"). */
const SCHEMA = /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/;

const postgres = z.strictObject({
  url: z
    .string('expected text')
    .refine((text) => whyUnreadable(text) === undefined, {
      error: ({ input }) => whyUnreadable(String(input)),
    })
    .transform((text) => new Secret(text, (fresh) => whyUnreadable(fresh) === undefined))
    .meta({ writeOnly: true })
    .describe(
      '`postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Encrypted, unless it ends with `?sslmode=disable` or the server is on this machine.',
    ),
  schema: z
    .string(NO_SCHEMA)
    .regex(SCHEMA, NO_SCHEMA)
    .default('penstock')
    .describe('Schema of its tables in that database; created if the role may.'),
  tls: tls(),
});

/** The `state` block of the configuration. */
export const stateSchema = z
  .strictObject({
    path: filePath()
      .default('./state')
      .describe('Directory of the database, created with mode 0700; relative to the working directory.'),
    postgres: postgres
      .optional()
      .describe('A PostgreSQL database that several replicas share, instead of `path`.'),
    lease: duration('15s', { from: '3s', to: '5m' }).describe(
      'With `postgres`: others take over what a replica works on when it has been away for this long.',
    ),
    max_bytes: bytes('2GiB', '8MiB').describe(
      'Limit on queued and retained events; the ledger of each source has its own limit.',
    ),
    retain: duration('24h').describe('How long delivered events are kept for `replay`; 0s keeps none.'),
    allow_network_fs: z
      .boolean()
      .default(false)
      .describe('Allow a network file system, which may corrupt the database.'),
  })
  .prefault({});

/** What the options of a directory have to do with a database, and the other way round. */
const INSTEAD = {
  path: 'set either `path` or `postgres`, not both: the state is in one place. To move it: penstock state export, and import',
  allow_network_fs: 'is about `path` only; remove it beside `postgres`',
} as const;

const NEEDS_POSTGRES = 'needs `postgres`: one process alone uses a state in a directory';

/** Adds a problem for each option that does not belong to the kind of place that is set. */
export function checkState({ value, places }: Tree, problems: Problems): void {
  const { state } = value;
  if (!isRecord(state)) return;
  const isShared = Object.hasOwn(state, 'postgres');
  const rules = isShared ? Object.entries(INSTEAD) : [['lease', NEEDS_POSTGRES] as const];
  for (const [option, message] of rules) {
    const path = ['state', option];
    if (Object.hasOwn(state, option)) problems.add(places.key(path), path, message);
  }
}

/** Converts a checked block. `cwd`: where relative paths begin. */
export function toState(cwd: string, block: z.output<typeof stateSchema>): StateConfig {
  return { place: placeOf(cwd, block), maxBytes: block.max_bytes, retain: block.retain };
}

function placeOf(
  cwd: string,
  { path, postgres: shared, lease, allow_network_fs: allowNetworkFs }: z.output<typeof stateSchema>,
): StatePlace {
  if (shared !== undefined) return { kind: 'postgres', ...shared, lease };
  return { kind: 'directory', path: absolutePath(cwd, path), allowNetworkFs };
}

function whyUnreadable(url: string): string | undefined {
  try {
    readPostgresUrl(url);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
