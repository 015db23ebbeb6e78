import { z } from 'zod';
import { bytes, duration, namespace, secret, sizeOrAge } from './fields.ts';
import { maskFromNowOn } from '../core/secret.ts';
import { tls } from './transport.ts';
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
