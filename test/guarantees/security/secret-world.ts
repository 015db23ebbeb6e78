import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../../src/core/clock.ts';
import { ACCEPTED, type ReceiverAnswer } from '../../../src/simulators/otlp-receiver.ts';
import { openWorld, type World } from '../../cli/support/world.ts';
import { proxy } from '../../http/support/proxy.ts';
import { type Heard, startTelling, type Telling, type TellingServer } from './secret-vendor.ts';
import { spellings } from './secret-spellings.ts';

/** The secrets of the configuration, by what they are for. */
const CONFIGURED: readonly string[] =
  'bearer password header query oauth login signing environment file proxy hashing siem lake metrics'.split(
    ' ',
  );

/** All that must be in no output; the last three are the vendor's. */
export const SECRET_NAMES: readonly string[] = [...CONFIGURED, 'issued', 'session', 'cookie'];

/** No secret: a source and a user have this name, so it must be found where the others must not. */
export const PLANTED = 'planted-by-the-test';

export type Secrets = Readonly<Record<string, string>>;

/** A definition with every way to authenticate that there is. */
const DEFINITION = `id: telling
title: A vendor that tells what it was told
vendor: Telling
product: Telling
dataset: telling.records
event: { kind: event, category: [iam], type: [info] }
options: { key_file: { type: file, description: A key. } }
auth:
  one_of:
    bearer: { bearer: "{{ options.token }}" }
    basic: { basic: { username: us, password: "{{ options.token }}" } }
    header: { headers: { X-Key: "{{ options.token }}" } }
    query: { query: { name: key, value: "{{ options.token }}" } }
    post: { oauth2: { token_url: /token, client_id: us, client_secret: "{{ options.token }}" } }
    client: { oauth2: { token_url: /token, client_id: us, client_secret: "{{ options.token }}", client_auth: basic } }
    key: { oauth2: { token_url: /token, client_id: us, key: { file: key_file, id: k1 } } }
    grant: { oauth2: { token_url: /token, grant: jwt_bearer, assertion: { issuer: us, audience: them, key_file: key_file } } }
    login:
      login:
        request: { method: POST, path: /login, body: { password: "{{ options.token }}" } }
        token: session
        headers: { X-Session: "{{ session }}" }
    sign: { sign: { headers: { Date: "{{ date }}", Authorization: "Basic {{ base64('us:' + hex(hmac_sha1(options.token, date + path))) }}" } } }
request: { path: /records, query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}" } }
cursor: { window: { time: at, order: ascending, settle: 0s, initial_lookback: 1h } }
records: data
key: [id]
map: { "@timestamp": at, user.name: user, user.email: mail, event.action: action }
`;

/** How those who are asked answer. */
export interface Answers {
  /** Of vendors; 200 is their data. */
  readonly vendor: number;
  /** Of token endpoints and log-ins; 200 is a token. */
  readonly token: number;
  readonly receiver: number;
  readonly type: 'application/json' | 'text/html' | 'text/plain';
}

export interface SecretWorld extends AsyncDisposable {
  readonly world: World;
  readonly vendor: TellingServer;
  readonly metrics: TellingServer;
  readonly env: Readonly<Record<string, string>>;
  /** Every secret, and every credential that was made of one or sent until now. */
  secrets(): Secrets;
}

interface SecretWorldOptions {
  readonly secrets: Secrets;
  readonly answers: Answers;
  readonly random: Random;
  /** `state` of the configuration; default: a directory. */
  readonly state?: object | undefined;
  /** What vendors and receivers say in each message, besides what they were sent. */
  readonly say?: (() => string) | undefined;
}

/** Sources that use every secret, and vendors, receivers and proxies that tell all that they know in whatever they answer. */
export async function openSecretWorld(options: SecretWorldOptions): Promise<SecretWorld> {
  const { secrets, answers, random, state } = options;
  await using opened = new AsyncDisposableStack();
  const world = opened.use(await openWorld({ rows: 8 }));
  const spelt = (value: string | undefined) => pick(random, spellings(value ?? ''));
  const drawn = () => Array.from({ length: 6 }, () => spelt(secrets[pick(random, CONFIGURED)])).join(' ');
  const say = options.say ?? drawn;
  const told = (words: string, status: number): Telling => telling(words, status, answers.type);
  const vendor = opened.use(
    await startTelling((request) => {
      const sent = () =>
        Object.values(credentialsIn([request]))
          .map(spelt)
          .join(' ');
      const words = () =>
        `${sent()} ${say()} ${JSON.stringify(request.headers)} ${request.url} ${request.body.toString()}`;
      const isToken = request.path !== '/records';
      const status = isToken ? answers.token : answers.vendor;
      return status === 200 ? granted(request, secrets) : told(words(), status);
    }),
  );
  const metrics = opened.use(
    await startTelling(({ headers }) => told(`${say()} ${headers['authorization']}`, answers.receiver)),
  );
  const through = opened.use(await proxy({ password: secrets['proxy'] ?? '' }));
  world.receiver.answer = ({ request, records }): ReceiverAnswer => {
    // One that rejected everything would get no dead letter.
    const isBad =
      answers.receiver !== 400 || records.some(({ uid }) => Number.parseInt(uid.at(-1) ?? '', 16) % 2 === 1);
    if (!isBad) return ACCEPTED;
    return {
      status: answers.receiver,
      words: `${say()} ${JSON.stringify(request.headers)} ${request.query.get('key')}`,
    };
  };
  world.console.tokens.set(secrets['file'] ?? '', 'admin');
  const pem = await writeFiles(world, secrets);
  await world.configure(sourcesOf(world, vendor.url, through.url, secrets), {
    types: ['./telling.source.yaml'],
    log: { level: 'debug' },
    destinations: {
      siem: {
        endpoint: world.receiver.url,
        headers: { authorization: `Bearer ${secrets['siem']}` },
        timeout: '2s',
      },
      lake: { endpoint: `${world.receiver.url}/v1/logs?key=${encodeURIComponent(secrets['lake'] ?? '')}` },
    },
    ...(state !== undefined && { state }),
  });
  const resources = opened.move();
  return {
    world,
    vendor,
    metrics,
    env: {
      SECRET: secrets['environment'] ?? '',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${metrics.url}/v1/metrics`,
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: `authorization=${encodeURIComponent(`Bearer ${secrets['metrics']}`)}`,
      OTEL_METRIC_EXPORT_INTERVAL: '100',
    },
    secrets: () => ({ ...secrets, pem, ...credentialsIn(vendor.heard) }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function pick<T>(random: Random, all: readonly T[]): T {
  return all[Math.floor(random() * all.length)] as T;
}

/** What the vendor gives to those whom it knows. */
function granted({ path }: Heard, { issued, session, cookie }: Secrets): Telling {
  const at = new Date(Date.now() - 60_000).toISOString();
  const bodies: Readonly<Record<string, object>> = {
    '/token': { access_token: issued, refresh_token: `${issued}-of-refresh`, expires_in: 3600 },
    '/login': { session },
    '/records': { data: [{ id: '1', at, user: PLANTED, mail: 'a@example.com', action: 'log-in' }] },
  };
  const headers = { 'set-cookie': `sid=${cookie}; Path=/` };
  return { status: 200, type: 'application/json', body: JSON.stringify(bodies[path] ?? {}), headers };
}

function telling(words: string, status: number, type: Telling['type']): Telling {
  const headers = {
    'www-authenticate': `Bearer realm="x", error="${words.replaceAll(/[^ -~]|["\\]/g, '')}"`.slice(0, 2_000),
    location: `/elsewhere?told=${encodeURIComponent(words.slice(0, 500))}`,
    'set-cookie': `told=${encodeURIComponent(words.slice(0, 500))}`,
  };
  const errors = { error: words, error_description: words, message: words, errors: [{ detail: words }] };
  const html = `<!DOCTYPE html><html><head><title>${words}</title></head><body>${words}</body></html>`;
  const body =
    { 'application/json': JSON.stringify(errors), 'text/html': html }[type as 'text/html'] ?? words;
  const reason = words.replaceAll(/[^ -~]/g, '').slice(0, 500);
  return { status, type, body, headers, reason };
}

/** Writes the files that the configuration names. Returns a line of the private key. */
async function writeFiles({ path }: World, secrets: Secrets): Promise<string> {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  await writeFile(join(path, 'telling.source.yaml'), DEFINITION);
  await writeFile(join(path, 'key.pem'), pair.privateKey);
  await writeFile(join(path, 'token'), `${secrets['file']}\n`);
  return pair.privateKey.split('\n')[2] ?? '';
}

/** A source for each way to authenticate. */
function sourcesOf(world: World, url: string, proxyUrl: string, secrets: Secrets) {
  const source = (auth: string, token: string | undefined, more: object = {}) => ({
    type: 'telling',
    base_url: url,
    account: auth,
    auth,
    ...(token !== undefined && { token }),
    retries: 0,
    schedule: 'every 1s',
    ...more,
  });
  const { token: _, ...console } = world.blocks['console'] ?? {};
  return {
    console: { ...console, token_file: join(world.path, 'token'), retries: 0 },
    [PLANTED]: source('bearer', secrets['bearer'], {
      shape: { hash: { fields: ['user.email'], key: secrets['hashing'] } },
    }),
    basic: source('basic', secrets['password']),
    header: source('header', secrets['header'], { proxy: proxyUrl }),
    query: source('query', secrets['query']),
    post: source('post', secrets['oauth']),
    client: source('client', '${SECRET}'),
    key: source('key', undefined, { key_file: join(world.path, 'key.pem') }),
    grant: source('grant', undefined, { key_file: join(world.path, 'key.pem') }),
    login: source('login', secrets['login']),
    sign: source('sign', secrets['signing']),
  };
}

/** What a vendor was sent to prove who asks: headers, and assertions in forms. */
function credentialsIn(heard: readonly Heard[]): Secrets {
  const found: Record<string, string> = {};
  for (const { headers, body } of heard) {
    const form = new URLSearchParams(body.toString());
    const assertion = form.get('client_assertion') ?? form.get('assertion');
    const [, sent] = / (\S+)$/.exec(headers['authorization'] ?? '') ?? [];
    for (const value of [assertion, sent, headers['x-session']])
      if (value != null) found[`sent ${value}`] = value;
  }
  return found;
}
