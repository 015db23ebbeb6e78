import { z } from 'zod';
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
import type { SourceConfig } from './types.ts';

export { duration, httpUrl, password, timezone } from './fields.ts';

/** The TLS settings of a connection; shared by sources and destinations. */
export function tls() {
  return z
    .strictObject({
      ca_file: filePath()
        .nullish()
        .describe('PEM file of authorities to trust, besides those that Node knows.'),
      cert_file: filePath().nullish().describe('PEM file of our client certificate.'),
      key_file: filePath().nullish().describe('PEM file of the key to `cert_file`.'),
      key_passphrase: password().nullish().describe('Passphrase of `key_file`, when that is encrypted.'),
      server_name: z
        .string()
        .min(1)
        .nullish()
        .describe('Name that the server’s certificate must carry, when not the host’s.'),
      insecure_skip_verify: z.boolean().default(false).describe('Trust any certificate: for tests only.'),
    })
    .refine(({ cert_file, key_file }) => (cert_file == null) === (key_file == null), {
      error: 'expected `cert_file` and `key_file` together',
      when: ({ value }) => typeof value === 'object' && value !== null,
    })
    .refine(({ key_file, key_passphrase }) => key_passphrase == null || key_file != null, {
      path: ['key_passphrase'],
      error: 'expected `key_file` beside `key_passphrase`',
      when: ({ value }) => typeof value === 'object' && value !== null,
    })
    .prefault({})
    .describe('TLS of the connection.');
}

const NO_PROXY_URL = 'expected the http:// or https:// URL of a proxy';

/** A proxy's URL; a Secret, because it may hold a password. */
export function proxy() {
  return z
    .string(NO_PROXY_URL)
    .refine((text) => parseProxy(text) !== undefined, NO_PROXY_URL)
    .transform((text) => parseProxy(text)?.url ?? new Secret(text))
    .meta({ writeOnly: true })
    .optional()
    .describe('Proxy for this source, instead of HTTP_PROXY and HTTPS_PROXY.');
}

/** The options that every source has. */
const common = {
  type: z.string().describe('The source type; `penstock sources` lists them.'),
  base_url: httpUrl().describe('Where the vendor answers.'),
  account: account()
    .default('')
    .describe(
      'Name of the vendor account, where `base_url` does not tell two accounts apart. Part of event ids: once polled, it cannot change.',
    ),
  token: secret().optional().describe('The API token. Better `${VAR}` or `${file:…}` than the token itself.'),
  token_file: filePath()
    .optional()
    .describe('File that holds the token, instead of `token`; read again when the vendor refuses it.'),
  schedule: schedule()
    .default('every 5m')
    .describe(
      'When to poll: `every 5m`, or a cron expression of five or six fields, read as cron and Kubernetes read it.',
    ),
  timezone: timezone()
    .default('UTC')
    .describe(
      'IANA time zone of a cron schedule. A local time that is skipped runs once, right after; one that comes twice runs once.',
    ),
  quota: z
    .strictObject({
      requests: z.int().min(1).describe('Requests in any window of `per`.'),
      per: duration(undefined, { from: '1s' }).describe('Length of the window.'),
    })
    .optional()
    .describe(
      "Budget of the source's main route; by default the vendor's documented limit, none where there is none.",
    ),
  timeout: duration('30s', { from: '1ms' }).describe(
    'For one request, from sending it to the end of its answer.',
  ),
  retries: z.int().min(0).default(5).describe('Further tries of one request within one poll; 0 for none.'),
  max_response_bytes: bytes('64MiB', '1').describe('Larger answers are a failed poll and a gap.'),
  ledger: z
    .strictObject({
      max: bytes('1GiB', '1MiB').describe(
        'What it may take. Above 80 % a warning; at the bound the oldest entries go, and a gap `ledger-full` says which.',
      ),
    })
    .prefault({ max: '1GiB' })
    .describe('What is known of the records sent, so that none is sent twice.'),
  tls: tls(),
  proxy: proxy(),
  labels: labels().describe('Each becomes `labels.<name>` in every event of this source.'),
  namespace: namespace()
    .optional()
    .describe('`data_stream.namespace` of its events; `default` when nothing sets one.'),
};

type Common = typeof common;

/** What a source's `options` are: the common ones, with the source's own over them. */
export type SourceOptions<Own extends z.core.$ZodLooseShape> = z.ZodObject<
  Omit<Common, keyof Own> & Own,
  z.core.$strict
>;

interface Credential {
  /** False: the source has another way to authenticate, and checks by itself that one is there. Default true. */
  readonly tokenRequired?: boolean;
}

/**
 * A source's block of the configuration: the common options, and the source's own, which win over common ones of
 * the same name. Unknown keys are errors. The loader reads `token_file` and puts what it holds into `token`, so that
 * a source looks at `token` alone.
 */
export function sourceOptions<Own extends z.core.$ZodLooseShape>(
  own: Own,
  { tokenRequired = true }: Credential = {},
): SourceOptions<Own> {
  const options = z.strictObject({ ...common, ...own }) as unknown as SourceOptions<Own>;
  if (!tokenRequired) return options;
  return options.refine((value) => holdsToken(value), {
    path: ['token'],
    error: 'expected a token, or `token_file` with the path of the file that holds it',
    when: always,
  });
}

/** For `refine(…, { when: always })`: a rule that is checked although other options are wrong, so that all problems show at once. */
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

/** Which tenants are read, and what is set for single ones. */
export interface Tenants {
  /** Vendor ids of those to read; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly settings: Readonly<Record<string, z.output<typeof tenantSchema>>>;
}

/**
 * `tenants:` of a source whose vendor has tenants: `all`, a list of their ids, or a map from id to namespace and
 * labels. A map sets and does not choose: all tenants are read, since one that nobody listed would be missed silently.
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

/** Where an event says whose it is: the vendor's tenant and Microsoft's, and the part of a gap. */
const TENANT_FIELDS = ['organization.id', 'cloud.account.id', 'penstock.gap.part'] as const;

type TenantSettings = Tenants['settings'][string];

/** What the configuration sets for the tenant of an event, by either of its ids; undefined where it sets nothing. */
export function tenantSettings(options: CommonOptions, event: EcsEvent): TenantSettings | undefined {
  const { tenants } = options as CommonOptions & { readonly tenants?: Tenants };
  if (tenants === undefined) return undefined;
  const ids = TENANT_FIELDS.map((field) => String(event[field]));
  const named = ids.find((id) => Object.hasOwn(tenants.settings, id));
  return named === undefined ? undefined : tenants.settings[named];
}

/** `data_stream.namespace` that an event's tenant or its source sets; undefined where neither does. */
export function namespaceOf({ options, namespace }: SourceConfig, event: EcsEvent): string | undefined {
  return tenantSettings(options, event)?.namespace ?? namespace;
}
