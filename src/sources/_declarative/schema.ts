import * as z from 'zod';
import { duration, httpUrl } from '../../config/options.ts';

/**
 * The keys of `source.yaml`. Templates, expressions and paths are text here; `parse.ts` checks what is in them. The JSON
 * Schema `config/source.schema.json` is made of this.
 */

const text = (description: string) =>
  z.string('expected text').min(1, 'must not be empty').describe(description);
const path = (description: string) =>
  z.string('expected a path such as `data.items` or `["a.b"][0]`').describe(`${description} A path.`);
const template = (description: string) =>
  z
    .union([z.string(), z.number(), z.boolean()], 'expected text, a number, true or false')
    .describe(`${description} May contain \`{{ expression }}\`.`);
const templates = (description: string) =>
  z.record(z.string().min(1), template('A value.')).describe(description);
const cel = (description: string) =>
  z.string('expected an expression').min(1, 'must not be empty').describe(`${description} A CEL expression.`);

const ID = /^[a-z0-9][a-z0-9-]*$/;
const NO_ID = 'expected lower-case letters, digits and hyphens, such as acme-audit';
const DATASET = /^[a-z0-9_]+(?:\.[a-z0-9_]+)+$/;
const NO_DATASET = 'expected vendor.name in lower case, such as acme.audit';
const OPTION = /^[a-z][a-z0-9_]*$/;
const NO_OPTION = 'expected a name of lower-case letters, digits and underscores';

const NO_AS =
  'expected iso, epoch_s, epoch_ms, epoch_us, epoch_ns, or { format: "yyyy-MM-dd HH:mm:ss", zone: UTC }';
/** How a time is written. */
const as = z
  .union(
    [
      z.enum(['iso', 'epoch_s', 'epoch_ms', 'epoch_us', 'epoch_ns']),
      z.strictObject({
        format: text('Tokens of Luxon, such as `yyyy-MM-dd HH:mm:ss`.'),
        zone: z.string().optional().describe('IANA time zone of the text.'),
      }),
    ],
    NO_AS,
  )
  .describe('How the time is written: `iso`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or a format.');
const zone = z.string().optional().describe('IANA time zone of texts that name none.');

const NO_VALUE = 'expected a path, or one of { header }, { link }, { last }, { first }, { cel }';
/** A value of the answer. */
const value = (description: string) =>
  z
    .union(
      [
        path('In the answer.'),
        z.strictObject({ header: text('Name of a response header.') }),
        z.strictObject({ link: text('The `rel` of a link in the `Link` header.') }),
        z.strictObject({ last: path('In the last element of `records`.') }),
        z.strictObject({ first: path('In the first element of `records`.') }),
        z.strictObject({ cel: cel('It sees `answer`.') }),
      ],
      NO_VALUE,
    )
    .describe(description);

const optionTypes = ['string', 'integer', 'boolean', 'duration', 'enum', 'list', 'secret', 'file'] as const;
const option = z.strictObject({
  type: z.enum(optionTypes).describe('What the option holds.'),
  description: text('What an operator must know, in a sentence.').optional(),
  required: z.boolean().default(false).describe('Whether every source must set it.'),
  default: z
    .union([z.string(), z.number(), z.boolean(), z.array(z.string())])
    .optional()
    .describe('Its value where a source does not set it.'),
  values: z.array(z.string().min(1)).min(1).optional().describe('The values of an `enum`.'),
  min: z.int().optional().describe('The least value of an `integer`.'),
  max: z.int().optional().describe('The greatest value of an `integer`.'),
});

const body = z
  .json()
  .describe('JSON. A text in it may contain `{{ expression }}`; one that is exactly that keeps its type.');
const method = z.enum(['GET', 'POST']).default('GET').describe('HTTP method.');
const query = z
  .record(
    z.string().min(1),
    z.union(
      [z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number(), z.boolean()]))],
      'expected text, a number, true, false, or a list of them',
    ),
  )
  .describe('Query parameters, sent in this order. An empty value leaves one out; a list repeats it.');
const headers = templates('Request headers.');
const request = z.strictObject({
  method,
  path: template('Path below `base_url`; begins with `/`.'),
  query: query.default({}),
  headers: headers.default({}),
  body: body.optional(),
});

const client = {
  token_url: text('Absolute, or relative to `base_url`.'),
  client_id: template('Client id.').optional(),
  client_secret: template('Client secret.').optional(),
  client_auth: z.enum(['post', 'basic']).default('post').describe('How the client secret is sent.'),
  scope: template('Scope.').optional(),
  audience: template('The parameter `audience`.').optional(),
  params: templates('More parameters of the token request.').default({}),
  key: z
    .strictObject({
      file: text('Name of an option of type `file`: the private key.'),
      id: template('Key id, `kid`.').optional(),
      certificate_file: text('Name of an option of type `file`: the certificate, for `x5t#S256`.').optional(),
    })
    .optional()
    .describe('`private_key_jwt` instead of a client secret.'),
  grant: z
    .enum(['client_credentials', 'jwt_bearer'])
    .default('client_credentials')
    .describe('OAuth 2 grant.'),
  assertion: z
    .strictObject({
      issuer: template('`iss`.'),
      subject: template('`sub`.').optional(),
      audience: template('`aud`.'),
      key_file: text('Name of an option of type `file`: the private key.'),
      key_id: template('Key id, `kid`.').optional(),
    })
    .optional()
    .describe('The assertion of the grant `jwt_bearer`.'),
};

const login = z.strictObject({
  request: z.strictObject({
    method: z.enum(['GET', 'POST']).default('POST').describe('HTTP method.'),
    path: template('Path below `base_url`.'),
    query: query.default({}),
    headers: headers.default({}),
    body: body.optional(),
  }),
  token: path('The session in the answer.'),
  expires: duration().optional().describe('How long a session lasts.'),
  headers: templates('Headers of every request; they see `session`.'),
});

const authForm = z.strictObject({
  bearer: template('Sent as `Authorization: Bearer …`.').optional(),
  basic: z
    .strictObject({ username: template('User.'), password: template('Password.') })
    .optional()
    .describe('HTTP Basic.'),
  query: z
    .strictObject({ name: text('Name of the parameter.'), value: template('Its value.') })
    .optional()
    .describe('A query parameter.'),
  oauth2: z.strictObject(client).optional().describe('OAuth 2.'),
  login: login.optional().describe('A request that gives a session.'),
  sign: z
    .strictObject({ headers: templates('Headers with the signature.') })
    .optional()
    .describe('A signature of each request.'),
  headers: headers.optional(),
});

const auth = z.union(
  [
    authForm,
    z.strictObject({
      one_of: z
        .record(z.string().regex(OPTION, NO_OPTION), authForm)
        .describe('Forms by name; the option `auth` chooses one, the first is the default.'),
    }),
  ],
  'expected one of bearer, basic, query, oauth2, login, sign, headers, or one_of',
);

const quota = z.strictObject({
  requests: z.int().min(1).describe('Requests allowed in any window of length `per`.'),
  per: duration(undefined, { from: '1s' }).describe('Length of the window.'),
});

const throttled = z.strictObject({
  status: z.int().min(100).max(599).describe('The status that means 429.'),
  header: text('Only with this response header.').optional(),
  equals: z.union([z.string(), z.number()]).optional().describe('Only when the header has this value.'),
  until: z
    .strictObject({ header: text('The header that says when.'), as })
    .optional()
    .describe('When requests are accepted again.'),
});

const window = z.strictObject({
  time: path('The time of a record.'),
  as: as.default('iso'),
  zone,
  order: z
    .enum(['ascending', 'descending', 'none'])
    .describe('The order in which the vendor sends the records.'),
  filter: z
    .enum(['both', 'from'])
    .default('both')
    .describe('What the request can name: both ends of the window, or only `from`.'),
  exclusive: z.boolean().default(false).describe('The vendor’s lower bound means "later than".'),
  settle: duration('1m').describe('Records may appear this late.'),
  overlap: duration('5m').describe('What each poll reads again.'),
  initial_lookback: duration('7d').describe('How far back the first poll begins.'),
  slice: duration('1d', { from: '1s' }).describe('The longest window of one walk.'),
  retention: duration(undefined, { from: '1s' })
    .optional()
    .describe('How far back the vendor keeps records.'),
});

const position = z.strictObject({
  from: value('The position in an answer.'),
  more: value('Whether more follows.').optional(),
  order: z.enum(['ascending', 'descending', 'none']).optional().describe('The order of the records.'),
  time: path('The time of a record.').optional(),
  as: as.optional(),
  zone,
  initial_lookback: duration().optional().describe('`from` of the first request is this long ago.'),
  request: z
    .strictObject({ query: query.optional(), body: body.optional() })
    .optional()
    .describe('Replaces these members of the request once a position is known.'),
  expired: z
    .strictObject({ status: z.array(z.int().min(400).max(499)).min(1).describe('Statuses of the answer.') })
    .optional()
    .describe('How the vendor says that it has forgotten the position.'),
});

const cursor = z.strictObject({
  window: window.optional().describe('Records are asked for by time.'),
  position: position.optional().describe('The vendor keeps the place.'),
  snapshot: z.strictObject({}).nullish().describe('The whole list at each poll.'),
});

const parameter = {
  query: text('Name of the query parameter.').optional(),
  body: path('The member of the body.').optional(),
};
const more = value('Whether more follows.').optional();

const paging = z.strictObject({
  next_url: z
    .strictObject({
      from: value('The URL of the next page.'),
      allow_origins: z
        .array(
          z.union([
            httpUrl(),
            z.strictObject({
              origin: httpUrl().describe('An origin.'),
              credential: z.boolean().default(false).describe('Whether it gets the credential.'),
            }),
          ]),
        )
        .default([])
        .describe('Other origins to which the URL may lead.'),
      more,
    })
    .optional()
    .describe('The answer names the next page.'),
  next_token: z
    .strictObject({
      from: value('The token of the next page.'),
      ...parameter,
      only: z.boolean().default(false).describe('The token is sent without the other parameters.'),
      more,
    })
    .optional()
    .describe('The answer has a token for the next page.'),
  offset: z
    .strictObject({
      ...parameter,
      size: z.int().min(1).describe('Records asked for.'),
      total: value('The number of all records.').optional(),
      more,
    })
    .optional()
    .describe('By the number of records received.'),
  page: z
    .strictObject({
      ...parameter,
      first: z.int().min(0).default(1).describe('The number of the first page.'),
      size: z.int().min(1).optional().describe('Records asked for.'),
      pages: value('The number of pages.').optional(),
      total: value('The number of all records.').optional(),
      more,
    })
    .optional()
    .describe('By the number of the page.'),
  keyset: z
    .strictObject({ size: z.int().min(1).describe('Records asked for.') })
    .optional()
    .describe('By the time of the last record.'),
});

const records = z.union(
  [
    path('The list of records.'),
    z.strictObject({
      path: path('The list of records.'),
      empty: z
        .array(z.union([z.literal('absent'), z.literal('null'), z.null(), z.literal('')]))
        .default([])
        .describe('What else means that there are none: `absent`, `null`, `""`.'),
      single: z.boolean().default(false).describe('An object is one record.'),
    }),
  ],
  'expected a path, or { path, empty, single }',
);

const expand = z.strictObject({
  ids: path('The id in a listed record.'),
  size: z.int().min(1).max(1_000).default(1).describe('Ids in one request, at most.'),
  request,
  records: path('The list of details.'),
  key: path('The id in a detail.'),
});

const constant = z.union([
  z.string(),
  z.number(),
  z.boolean(),
  z.array(z.union([z.string(), z.number(), z.boolean()])),
]);
/** One field of `map`. */
export const mapped = z.union(
  [
    path('The value.'),
    z.strictObject({
      path: path('The value.').optional(),
      value: constant.optional().describe('A constant.'),
      cel: cel('The value; it sees `record`, `item` and `change`.').optional(),
      when: cel('Set the field only when this is true.').optional(),
      as: as.optional(),
      zone,
    }),
  ],
  'expected a path, or one of { path }, { value }, { cel }, with `when` and `as`',
);

const words = z.array(z.string().min(1)).min(1);

/** All keys of `source.yaml`. */
export const definitionSchema = z.strictObject({
  id: z.string(NO_ID).regex(ID, NO_ID).describe('The source type. Part of event ids.'),
  title: text('A short name for people.'),
  vendor: text('`observer.vendor`.'),
  product: text('`observer.product`.'),
  dataset: z
    .string(NO_DATASET)
    .regex(DATASET, NO_DATASET)
    .describe('`event.dataset`; the part before the dot is `event.module`.'),
  event: z
    .strictObject({
      kind: z.enum(['event', 'alert', 'metric', 'state']).describe('`event.kind`.'),
      category: words.describe('`event.category`.'),
      type: words.describe('`event.type`.'),
    })
    .describe('Defaults, which `map` may override.'),
  docs: text('The vendor’s page that the definition follows.').optional(),
  base_url: httpUrl().optional().describe('Default of the option `base_url`.'),
  options: z.record(z.string().regex(OPTION, NO_OPTION), option).default({}).describe('Options of its own.'),
  scope: z.array(z.string()).default([]).describe('The options that belong to the stream’s key.'),
  auth: auth.optional().describe('How requests are authenticated.'),
  quota: z
    .union([quota, z.array(quota).min(1)], 'expected { requests, per } or a list of them')
    .optional()
    .describe('The vendor’s rate limit, or a list of them.'),
  throttled: z.array(throttled).default([]).describe('Responses to treat as 429.'),
  request,
  cursor: cursor.describe('How reading goes on.'),
  paging: paging.optional().describe('How an answer in several pages is read.'),
  records,
  split: path('One event for each element of this list of a record.').optional(),
  key: z
    .array(path('A part of the key.'), 'expected a list of paths, such as [id]')
    .min(1, 'must not be empty; leave `key` out for records without ids')
    .optional()
    .describe('What identifies a record.'),
  compare: z
    .array(path('A value.'), 'expected a list of paths, such as [status]')
    .min(1, 'must not be empty')
    .optional()
    .describe('A change of these is an update.'),
  expand: expand.optional().describe('Details are fetched by id.'),
  map: z.record(z.string().min(1), mapped).describe('ECS fields.'),
  rest: z.enum(['vendor', 'drop']).default('vendor').describe('What becomes of unmapped fields.'),
  fields: z
    .record(z.string().min(1), z.enum(['keyword', 'long', 'double', 'boolean', 'date']))
    .default({})
    .describe('Types of vendor fields that are not keywords.'),
});

/** A definition as it is written, with defaults. */
export type RawDefinition = z.output<typeof definitionSchema>;
export type RawValue = z.output<ReturnType<typeof value>>;
export type RawAs = z.output<typeof as>;
export type RawRequest = z.output<typeof request>;
export type RawAuthForm = z.output<typeof authForm>;
export type RawMapped = z.output<typeof mapped>;
export type RawOption = z.output<typeof option>;
