import { z } from 'zod';
import { parseListenAddress } from './listen-address.ts';
import { REASONS } from '../core/state.ts';
import { destinationSchema } from './destination.ts';
import { bytes, duration, filePath } from './fields.ts';

const NAME = /^[A-Za-z0-9][\w.-]*$/;

/** The name of a source or a destination: it is typed on command lines, and a label of metrics. */
const name = z.string().regex(NAME, 'expected a name of letters, digits, dots, dashes and underscores');

const NO_LISTEN = 'expected HOST:PORT such as 127.0.0.1:9464, [::1]:9464, or :9464 for every address';

const state = z
  .strictObject({
    path: filePath()
      .default('./state')
      .describe('Directory of the database, created with mode 0700; relative to the working directory.'),
    max_bytes: bytes('2GiB', '8MiB').describe(
      'Cap on what waits for a destination and on what is retained; each source has a cap of its own for its ledger.',
    ),
    retain: duration('24h').describe('How long delivered pages are kept for `replay`; 0s for not at all.'),
    allow_network_fs: z
      .boolean()
      .default(false)
      .describe('Accept a network file system, where the database may be corrupted.'),
  })
  .prefault({});

const admin = z.strictObject({
  listen: z
    .string(NO_LISTEN)
    .refine((text) => parseListenAddress(text) !== undefined, NO_LISTEN)
    .describe('Address of /livez, /readyz, /metrics and the status page.'),
  allowances: z
    .partialRecord(z.enum(REASONS).exclude(['state-unavailable', 'reload-failed']), duration())
    .prefault({})
    .describe('How long each reason may last before /readyz answers 503.'),
});

const log = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error'])
      .default('info')
      .describe('The least severe lines written.'),
    format: z
      .enum(['json', 'pretty'])
      .default('json')
      .describe('ECS JSON, or for people; on a terminal always for people.'),
  })
  .prefault({});

/** The whole file but the sources' own options, which their types know. */
export const settingsSchema = z.strictObject({
  state: state.describe('Where everything is kept that must survive a restart.'),
  destinations: z
    .record(name, destinationSchema)
    .optional()
    .describe('Where events are sent; without it, the OTEL_EXPORTER_OTLP_* variables say it.'),
  sources: z
    .record(name, z.looseObject({}), 'expected a map from a name of your choice to the options of a source')
    .describe('What is polled: a name of your choice, and the options of its `type`.'),
  defaults: z
    .record(
      z.string(),
      z.looseObject({}, 'expected a map of options'),
      'expected a map from a type of source to options',
    )
    .optional()
    .describe('Options for all sources of a type, or of every type (`*`), that do not set them themselves.'),
  admin: admin.optional().describe('HTTP endpoint for probes and metrics; off unless it is here.'),
  log: log.describe('The log, on stderr.'),
  heartbeat: duration(undefined, { from: '1s' })
    .nullable()
    .default(null)
    .describe('How often to ship a `penstock.health` event for each source; null: never.'),
});
