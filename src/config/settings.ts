import { z } from 'zod';
import { maskFromNowOn } from '../core/secret.ts';
import { REASONS } from '../core/state.ts';
import { bytes, duration, filePath, namespace, secret, sizeOrAge, parseListenAddress } from './fields.ts';
import { tls } from './options.ts';
import type { DestinationConfig } from './types.ts';

const LOGS_PATH = '/v1/logs';
const NO_ENDPOINT =
  'expected an http:// or https:// URL such as http://127.0.0.1:4318, without credentials (those belong into `headers`)';

/**
 * The URL that logs are sent to: `/v1/logs` is added to the path unless it ends so already
 * (OpenTelemetry specification, OTLP exporter: endpoint URLs for OTLP/HTTP). A query stays. Undefined when it is no URL.
 */
export function logsUrl(endpoint: string): string | undefined {
  const url = readEndpoint(endpoint);
  if (url === undefined) return undefined;
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith(LOGS_PATH) ? path : path + LOGS_PATH;
  return url.href;
}

/** An endpoint without credentials; undefined when it is none. */
export function readEndpoint(endpoint: string): URL | undefined {
  const url = URL.parse(endpoint);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  return url.username === '' && url.password === '' && url.hash === '' ? url : undefined;
}

/** The name of an HTTP header (RFC 9110 §5.1). */
export const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** A destination's block of the configuration. */
export const destinationSchema = z.strictObject({
  endpoint: z
    .string(NO_ENDPOINT)
    .refine((text) => readEndpoint(text) !== undefined, NO_ENDPOINT)
    .describe('Where OTLP/HTTP is taken; `/v1/logs` is added when it does not end so, as OTLP exporters do.'),
  protocol: z
    .enum(['http/protobuf', 'http/json'])
    .default('http/protobuf')
    .describe('The encoding of the requests.'),
  profile: z
    .enum(['attributes', 'elastic-ecs', 'elastic-bodymap', 'json-body'])
    .default('attributes')
    .describe('The shape of the records: what the receiver makes documents of.'),
  headers: z
    .record(z.string().regex(HEADER_NAME, 'expected the name of an HTTP header'), secret())
    .prefault({})
    .describe('Sent with every request; the values are never printed.'),
  compression: z.enum(['gzip', 'none']).default('gzip').describe('Compression of the requests.'),
  timeout: duration('10s', { from: '1ms' }).describe(
    'For one request, from sending it to the end of its answer.',
  ),
  max_request_bytes: bytes('900000', '16384').describe(
    'Of one request, in the encoding sent, before compression.',
  ),
  max_event_age: duration()
    .nullable()
    .default(null)
    .describe('Older events go to the dead letters; null: none do.'),
  backlog: z
    .strictObject({
      max: sizeOrAge('1GiB').describe(
        'With `gap`, what may wait while it accepts nothing: a size in the journal (at most 3/4 of state.max_bytes), or an age.',
      ),
      // oxlint-disable-next-line unicorn/no-thenable -- a key of the configuration; its value is a word, which nobody awaits
      then: z
        .enum(['wait', 'gap'])
        .default('wait')
        .describe(
          'wait: nothing is skipped; at state.max_bytes collecting waits for it. gap: the oldest beyond `max` is skipped for it, and is a gap.',
        ),
    })
    .prefault({})
    .describe('How long a destination that is away is waited for.'),
  tls: tls(),
  sources: z.array(z.string()).min(1).optional().describe('Names of the sources it takes; without it, all.'),
  tenants: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Ids of the vendor tenants it takes; without it, all.'),
  namespace: namespace()
    .optional()
    .describe('`data_stream.namespace` of what it is sent, where neither source nor tenant sets one.'),
});

/** The checked block as the rest of Penstock reads it. `url`: where logs are sent, when not derived from `endpoint`. */
export function toDestination(
  name: string,
  block: z.output<typeof destinationSchema>,
  url = logsUrl(block.endpoint) ?? block.endpoint,
): DestinationConfig {
  hideQuery(url);
  return {
    name,
    url,
    protocol: block.protocol,
    profile: block.profile,
    headers: block.headers,
    compression: block.compression,
    timeout: block.timeout,
    maxRequestBytes: block.max_request_bytes,
    maxEventAge: block.max_event_age ?? undefined,
    backlog: block.backlog.then === 'gap' ? block.backlog.max : undefined,
    tls: block.tls,
    sources: block.sources,
    tenants: block.tenants,
    namespace: block.namespace,
  };
}

/** Shorter values are settings; masking these would riddle every line. */
const SHORTEST_KEY = 8;

/** A query is sent as it stands and never shown: what receivers take there is a key. */
function hideQuery(url: string): void {
  const { search, searchParams } = new URL(url);
  const keys = [...searchParams.values()].filter((value) => value.length >= SHORTEST_KEY);
  for (const hidden of [search, ...keys]) maskFromNowOn(hidden);
}

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
