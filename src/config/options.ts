import * as z from 'zod';
import type { EcsEvent } from '../core/event.ts';
import { Secret } from '../core/secret.ts';
import type { CommonOptions } from '../core/source.ts';
import {
  account,
  bytes,
  duration,
  filePath,
  httpUrl,
  labels,
  namespace,
  schedule,
  secret,
  timezone,
  password,
} from './fields.ts';
import { parseProxy } from './proxy.ts';
import { shape } from './shape-option.ts';
import type { SourceConfig } from './types.ts';

export { duration, httpUrl, password, timezone } from './fields.ts';

/** The TLS settings of a connection; shared by sources and destinations. */
export function tls() {
  return z
    .strictObject({
      ca_file: filePath()
        .nullish()
        .describe('PEM file of certificate authorities to trust, in addition to those of Node.'),
      cert_file: filePath().nullish().describe('PEM file of the client certificate.'),
      key_file: filePath().nullish().describe('PEM file of the private key for `cert_file`.'),
      key_passphrase: password().nullish().describe('Passphrase of `key_file`, if it is encrypted.'),
      server_name: z
        .string()
        .min(1)
        .nullish()
        .describe('Host name to expect in the server’s certificate, if not that of the URL.'),
      insecure_skip_verify: z.boolean().default(false).describe('Accept any certificate. For tests only.'),
    })
    .refine(({ cert_file, key_file }) => (cert_file == null) === (key_file == null), {
      error: 'set `cert_file` and `key_file` together',
      when: ({ value }) => typeof value === 'object' && value !== null,
    })
    .refine(({ key_file, key_passphrase }) => key_passphrase == null || key_file != null, {
      path: ['key_passphrase'],
      error: 'set `key_file` too; without it `key_passphrase` is not used',
      when: ({ value }) => typeof value === 'object' && value !== null,
    })
    .prefault({})
    .describe('TLS of the connection.');
}

const NO_PROXY_URL = 'expected the URL of a proxy such as http://proxy.example.com:3128';

/** A proxy's URL; a Secret, because it may hold a password. */
export function proxy() {
  return z
    .string(NO_PROXY_URL)
    .refine((text) => parseProxy(text) !== undefined, NO_PROXY_URL)
    .transform((text) => parseProxy(text)?.url ?? new Secret(text))
    .meta({ writeOnly: true })
    .optional()
    .describe('Proxy for this source; overrides HTTP_PROXY and HTTPS_PROXY.');
}

/** The options that every source has. */
const common = {
  type: z.string().describe('The source type; `penstock sources` lists them.'),
  base_url: httpUrl().describe('URL of the vendor’s API.'),
  account: account()
    .default('')
    .describe(
      'Name of the vendor account, if `base_url` is the same for several accounts. Part of event ids: do not change it after the first poll.',
    ),
  token: secret()
    .optional()
    .describe('The API token. Use `${VAR}` or `${file:…}` instead of the token itself.'),
  token_file: filePath()
    .optional()
    .describe('File that holds the token, instead of `token`; read again when the vendor rejects the token.'),
  schedule: schedule()
    .default('every 5m')
    .describe(
      'When to poll: `every 5m`, or a cron expression of five or six fields, with the meaning it has in Kubernetes.',
    ),
  timezone: timezone()
    .default('UTC')
    .describe(
      'IANA time zone of a cron schedule. When clocks change, a skipped local time runs once right after, and a repeated one runs once.',
    ),
  quota: z
    .strictObject({
      requests: z.int().min(1).describe('Requests allowed in any window of length `per`.'),
      per: duration(undefined, { from: '1s' }).describe('Length of the window.'),
    })
    .optional()
    .describe(
      "Rate limit of the source's main route. Default: the vendor's documented limit, if there is one.",
    ),
  timeout: duration('30s', { from: '1ms' }).describe(
    'Time limit for one request, from sending it to the end of its response.',
  ),
  retries: z.int().min(0).default(5).describe('Retries of one request within one poll; 0 disables them.'),
  max_response_bytes: bytes('64MiB', '1').describe(
    'A larger response fails the poll and is recorded as a gap.',
  ),
  ledger: z
    .strictObject({
      max: bytes('1GiB', '1MiB').describe(
        'Limit of its size. Above 80 % a warning is logged; at the limit the oldest entries are removed, and a gap `ledger-full` records which.',
      ),
    })
    .prefault({ max: '1GiB' })
    .describe('What is remembered of collected records, so that none is sent twice.'),
  tls: tls(),
  proxy: proxy(),
  labels: labels().describe('Added to every event of this source as `labels.<name>`.'),
  namespace: namespace()
    .optional()
    .describe('`data_stream.namespace` of its events; `default` if nothing sets it.'),
  shape: shape(),
};

type Common = typeof common;

/** The schema of a source's options: the common ones and the source's own, which win. */
export type SourceOptions<Own extends z.core.$ZodLooseShape> = z.ZodObject<
  Omit<Common, keyof Own> & Own,
  z.core.$strict
>;

interface Credential {
  /** False: the source can authenticate in another way, and itself checks that a credential is set. Default true. */
  readonly tokenRequired?: boolean;
}

/**
 * A source's block of the configuration: the common options, and the source's own, which win over common ones of
 * the same name. Unknown keys are errors. The loader reads `token_file` and puts what it holds into `token`, so that
 * a source needs to look at `token` only.
 */
export function sourceOptions<Own extends z.core.$ZodLooseShape>(
  own: Own,
  { tokenRequired = true }: Credential = {},
): SourceOptions<Own> {
  const options = z.strictObject({ ...common, ...own }) as unknown as SourceOptions<Own>;
  if (!tokenRequired) return options;
  return options.refine((value) => holdsToken(value), {
    path: ['token'],
    error: 'set `token`, or `token_file` to the path of a file that holds it',
    when: always,
  });
}

/** For `refine(…, { when: always })`: checks a rule even if other options are invalid, so that all problems show at once. */
export function always(): true {
  return true;
}

function holdsToken(value: object): boolean {
  const { token, token_file } = value as { token?: unknown; token_file?: unknown };
  return token !== undefined || token_file !== undefined;
}

const tenantSchema = z.strictObject({
  namespace: namespace().optional().describe('`data_stream.namespace` of this tenant’s events.'),
  labels: labels().describe('Added to the labels of the source.'),
});

/** Which tenants are read, and the settings of single tenants. */
export interface Tenants {
  /** Vendor ids of the tenants to read; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly settings: Readonly<Record<string, z.output<typeof tenantSchema>>>;
}

/**
 * `tenants:` of a source whose vendor has tenants: `all`, a list of their ids, or a map from id to namespace and
 * labels. With a map all tenants are read, because a tenant that nobody listed would be missed silently.
 */
export function tenants() {
  const expected = 'expected `all`, a list of tenant ids, or a map from tenant id to { namespace, labels }';
  return z
    .union(
      [z.literal('all'), z.array(z.string().min(1)).min(1), z.record(z.string().min(1), tenantSchema)],
      expected,
    )
    .transform((value): Tenants => {
      if (value === 'all') return { only: undefined, settings: {} };
      return Array.isArray(value) ? { only: value, settings: {} } : { only: undefined, settings: value };
    })
    .prefault('all')
    .describe(
      '`all`, a list of tenant ids, or a map from tenant id to its `namespace` and `labels` (all are read).',
    );
}

/** The fields of an event that choose the settings of a tenant, and the destinations that take one: the vendor's id, and Microsoft's. */
export const ROUTING_FIELDS = ['organization.id', 'cloud.account.id'] as const;

/** The fields that identify an event's tenant: also the part of a gap. */
const TENANT_FIELDS = [...ROUTING_FIELDS, 'penstock.gap.part'] as const;

type TenantSettings = Tenants['settings'][string];

/** The settings for the tenant of an event, found by any of its ids; undefined without any. */
export function tenantSettings(options: CommonOptions, event: EcsEvent): TenantSettings | undefined {
  const { tenants } = options as CommonOptions & { readonly tenants?: Tenants };
  if (tenants === undefined) return undefined;
  const ids = TENANT_FIELDS.map((field) => String(event[field]));
  const named = ids.find((id) => Object.hasOwn(tenants.settings, id));
  return named === undefined ? undefined : tenants.settings[named];
}

/**
 * The `data_stream.namespace` set for an event's tenant, or else for its source; undefined if neither sets it. `read` gives
 * these fields of the event, and is called only where a tenant may have one.
 */
export function namespaceOf(
  { options, namespace }: SourceConfig,
  read: (names: readonly string[]) => EcsEvent,
): string | undefined {
  if (!('tenants' in options)) return namespace;
  return tenantSettings(options, read(TENANT_FIELDS))?.namespace ?? namespace;
}
