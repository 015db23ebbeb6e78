import * as z from 'zod';
import { maskFromNowOn } from '../core/secret.ts';
import { REASONS } from '../core/state.ts';
import { bytes, duration, namespace, secret, sizeOrAge, parseListenAddress } from './fields.ts';
import { tls } from './options.ts';
import { stateSchema } from './state-settings.ts';
import type { DestinationConfig } from './types.ts';

const LOGS_PATH = '/v1/logs';
const NO_ENDPOINT =
  'expected an http:// or https:// URL such as http://127.0.0.1:4318, without credentials (put those into `headers`)';

/**
 * The URL that logs are sent to: `/v1/logs` is added to the path unless it ends so already
 * (OpenTelemetry specification, OTLP exporter: endpoint URLs for OTLP/HTTP). A query stays. Undefined for an invalid URL.
 */
export function logsUrl(endpoint: string): string | undefined {
  const url = readEndpoint(endpoint);
  if (url === undefined) return undefined;
  const path = url.pathname.replace(/\/+$/, '');
  url.pathname = path.endsWith(LOGS_PATH) ? path : path + LOGS_PATH;
  return url.href;
}

/** The URL of an endpoint; undefined for invalid text, and with credentials in it. */
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
    .describe(
      'URL of the OTLP/HTTP receiver; `/v1/logs` is added unless it ends with that, as OTLP exporters do.',
    ),
  protocol: z
    .enum(['http/protobuf', 'http/json'])
    .default('http/protobuf')
    .describe('The encoding of the requests.'),
  profile: z
    .enum(['attributes', 'elastic-ecs', 'elastic-bodymap', 'json-body'])
    .default('attributes')
    .describe('The shape of the records that the receiver needs.'),
  headers: z
    .record(
      z.string().regex(HEADER_NAME, 'expected the name of an HTTP header such as authorization'),
      secret(),
    )
    .prefault({})
    .describe('Sent with every request. Values are never printed.'),
  compression: z.enum(['gzip', 'none']).default('gzip').describe('Compression of the requests.'),
  timeout: duration('10s', { from: '1ms' }).describe(
    'Time limit for one request, from sending it to the end of its response.',
  ),
  max_request_bytes: bytes('900000', '16384').describe('Maximum size of one request, before compression.'),
  max_event_age: duration()
    .nullable()
    .default(null)
    .describe('Older events become dead letters; null: no limit.'),
  backlog: z
    .strictObject({
      max: sizeOrAge('1GiB').describe(
        'With `gap`, how much may wait while it accepts nothing: a size in the journal (at most 3/4 of state.max_bytes) or an age.',
      ),
      // oxlint-disable-next-line unicorn/no-thenable -- a key of the configuration; its value is a word, which nobody awaits
      then: z
        .enum(['wait', 'gap'])
        .default('wait')
        .describe(
          'wait: skip nothing; collecting pauses at state.max_bytes. gap: skip the oldest events beyond `max` for this destination and record a gap.',
        ),
    })
    .prefault({})
    .describe('What to do while this destination is unavailable.'),
  tls: tls(),
  sources: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Names of the sources that it receives. Default: all.'),
  tenants: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Ids of the vendor tenants that it receives. Default: all.'),
  namespace: namespace()
    .optional()
    .describe('`data_stream.namespace` of its events, if neither source nor tenant sets one.'),
});

/** Converts a checked block. `url`: where logs are sent, if not derived from `endpoint`. */
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

/** Shorter values are settings, not keys, and masking them would make logs unreadable. Characters. */
const SHORTEST_KEY = 8;

/** A query may hold a key, so it is never printed. */
function hideQuery(url: string): void {
  const { search, searchParams } = new URL(url);
  const keys = [...searchParams.values()].filter((value) => value.length >= SHORTEST_KEY);
  for (const hidden of [search, ...keys]) maskFromNowOn(hidden);
}

const NAME = /^[A-Za-z0-9][\w.-]*$/;

/** The name of a source or a destination, as typed on command lines and used as a label of metrics. */
const name = z
  .string()
  .regex(NAME, 'expected a name of letters, digits, dots, dashes and underscores such as siem-1');

const REPLICA = /^[A-Za-z0-9][\w.-]{0,252}$/;
const NO_REPLICA = 'expected a name of letters, digits, dots, dashes and underscores such as ${HOSTNAME}';

const NO_LISTEN = 'expected HOST:PORT such as 127.0.0.1:9464, [::1]:9464, or :9464 for every address';

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
      .describe('The lowest level that is logged.'),
    format: z
      .enum(['json', 'pretty'])
      .default('json')
      .describe('json: ECS JSON lines. pretty: for people; always used on a terminal.'),
  })
  .prefault({});

/** The whole configuration except the options of sources, whose schemas come with their types. */
export const settingsSchema = z.strictObject({
  state: stateSchema.describe('Where everything that must survive a restart is stored.'),
  destinations: z
    .record(name, destinationSchema)
    .optional()
    .describe('Where events are sent. Default: as set by the OTEL_EXPORTER_OTLP_* variables.'),
  types: z
    .array(z.string().min(1, 'must not be empty'), 'expected a list of folders, files and packages')
    .optional()
    .describe(
      'Source types from outside: folders, `*.source.yaml` files (both relative to this file), and npm packages.',
    ),
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
    .describe('Default options for all sources of a type, or of every type (`*`).'),
  replica: z
    .string(NO_REPLICA)
    .regex(REPLICA, NO_REPLICA)
    .optional()
    .describe(
      'Name of this replica in status and logs, with `state.postgres`. Default: the host name and some random characters.',
    ),
  admin: admin.optional().describe('HTTP endpoint for probes and metrics. Default: off.'),
  log: log.describe('The log, written to stderr.'),
  heartbeat: duration(undefined, { from: '1s' })
    .nullable()
    .default(null)
    .describe('How often to send a `penstock.health` event for each source; null: never.'),
});
