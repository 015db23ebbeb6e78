import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  verify,
  constants,
  X509Certificate,
} from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explain, RefusedError, UnauthorisedError, UnexpectedAnswerError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { oauth2, type OAuth2Settings } from '../../../src/http/auth/oauth2.ts';
import { serve } from '../../../src/simulators/server.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { stateFolder } from '../support/journal.ts';
import { proxy } from '../support/proxy.ts';
import { failure, rig } from '../support/rig.ts';
import { CLIENT_SECRET, formOf, type TokenVendor, tokenVendor } from '../support/token-endpoint.ts';

const request = { path: '/x', route: 'x' };
const secret = new Secret(CLIENT_SECRET);
const client = (by: 'post' | 'basic') => ({
  id: () => 'a client',
  proof: { by, secret: () => secret.reveal() },
});

/** A client of the vendor; the token endpoint is `/oauth/token` of its own origin unless the settings say otherwise. */
async function http(
  { api, endpoint }: TokenVendor,
  settings: Partial<OAuth2Settings>,
  others: Parameters<typeof rig>[1] = {},
) {
  const authentication = oauth2({
    tokenUrl: `${endpoint.url}/oauth/token`,
    identity: () => ({ client_secret: secret.reveal() }),
    ...settings,
  });
  const { http } = await rig(api.url, { authorise: () => authentication, ...others });
  return http;
}

describe('client credentials', () => {
  test('the secret is sent in the form, beside scope, audience and other parameters', async () => {
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    await using source = await http(vendor, {
      client: client('post'),
      scope: 'logs.read offline',
      audience: 'https://api.example',
      params: () => ({ resource: 'r' }),
    });

    await source.get(request);

    expect(vendor.endpoint.requests).toMatchObject([
      {
        method: 'POST',
        path: '/oauth/token',
        headers: { 'user-agent': 'penstock/test', accept: 'application/json' },
      },
    ]);
    expect(vendor.endpoint.requests.map(formOf)).toEqual([
      {
        grant_type: 'client_credentials',
        client_id: 'a client',
        client_secret: CLIENT_SECRET,
        scope: 'logs.read offline',
        audience: 'https://api.example',
        resource: 'r',
      },
    ]);
    expect(vendor.api.requests[0]?.headers['authorization']).toBe('Bearer token-1-of-the-vendor');
  });

  test('the secret is sent as basic authentication, form-encoded as RFC 6749 §2.3.1 says', async () => {
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    await using source = await http(vendor, { client: client('basic') });

    await source.get(request);

    const [asked] = vendor.endpoint.requests;
    const pair = Buffer.from(
      asked?.headers['authorization']?.replace('Basic ', '') ?? '',
      'base64',
    ).toString();
    expect(pair.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')))).toEqual([
      'a client',
      CLIENT_SECRET,
    ]);
    expect(formOf(asked ?? { body: Buffer.alloc(0) })).toEqual({ grant_type: 'client_credentials' });
  });

  test('token_url may be relative to base_url', async () => {
    const clock = new DrivenClock();
    await using server = await serve(
      ({ path }) => ({
        status: 200,
        body: path === '/v1/token' ? { access_token: 'a-relative-token' } : [1],
      }),
      { clock },
    );
    const settings = { tokenUrl: '/token', client: client('post'), identity: () => ({}) };
    await using source = (await rig(`${server.url}/v1`, { authorise: () => oauth2(settings) })).http;

    await source.get(request);

    expect(server.requests.map(({ path }) => path)).toEqual(['/v1/token', '/v1/x']);
    expect(server.requests[1]?.headers['authorization']).toBe('Bearer a-relative-token');
  });

  test('the endpoint is asked through the proxy of the source', async () => {
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    await using via = await proxy();
    await using source = await http(
      vendor,
      { client: client('post') },
      { options: { proxy: new Secret(via.url) } },
    );

    await source.get(request);

    expect(via.seen).toEqual([`POST ${vendor.endpoint.url}/oauth/token`, `GET ${vendor.api.url}/x`]);
  });

  test.each([
    ['201', { status: 201, body: { access_token: 'odd-token-one' } }],
    ['no token_type', { status: 200, body: { access_token: 'odd-token-one', expires_in: 60 } }],
    [
      'another token_type',
      { status: 200, body: { access_token: 'odd-token-one', token_type: 'BearerToken' } },
    ],
    ['refresh_token null', { status: 200, body: { access_token: 'odd-token-one', refresh_token: null } }],
    ['expires_in as text', { status: 200, body: { access_token: 'odd-token-one', expires_in: '60' } }],
    ['expires_in null', { status: 200, body: { access_token: 'odd-token-one', expires_in: null } }],
    [
      'a type that is not JSON',
      { status: 200, headers: { 'content-type': 'text/plain' }, body: '{"access_token":"odd-token-one"}' },
    ],
  ])('an answer with %s is understood', async (_what, answer) => {
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    vendor.valid.set('odd-token-one', Infinity);
    vendor.endpoint.script.push(answer);
    await using source = await http(vendor, { client: client('post') });

    expect((await source.get(request)).json()).toEqual([1]);
  });
});

describe('refusals', () => {
  test.each([
    [
      400,
      { error: 'invalid_client', error_description: 'Unknown client' },
      'invalid_client: Unknown client.',
    ],
    [401, { message: 'Bad secret!' }, 'Bad secret!'],
    [403, {}, '403.'],
    [404, 'nothing here', '404.'],
    [200, { error: 'incorrect_client_credentials' }, 'incorrect_client_credentials'],
  ])('%i is a bad credential: no retries, no request, and the source stops', async (status, body, words) => {
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    vendor.endpoint.script.push({ status, body });
    await using source = await http(vendor, { client: client('post') });

    const error = await failure(source.get(request));

    expect(error).toBeInstanceOf(UnauthorisedError);
    expect((error as UnauthorisedError).status).toBe(401);
    expect(error.message).toContain(`${vendor.endpoint.url}/oauth/token answered ${status}`);
    expect(error.message).toContain(words);
    expect(vendor.endpoint.requests).toHaveLength(1);
    expect(vendor.api.requests).toHaveLength(0);
  });

  test('a redirect is not followed', async () => {
    const clock = new DrivenClock();
    await using thief = await serve(() => ({ status: 200, body: {} }), { clock });
    await using vendor = await tokenVendor({ clock });
    vendor.endpoint.script.push(
      { status: 307, headers: { location: thief.url } },
      { status: 302, headers: { location: '/elsewhere' } },
    );
    await using source = await http(vendor, { client: client('post') });

    for (let n = 0; n < 2; n += 1) expect(await failure(source.get(request))).toBeInstanceOf(RefusedError);
    expect(thief.requests).toHaveLength(0);
    expect(vendor.endpoint.requests).toHaveLength(2);
  });

  test.each([{}, [], null, { access_token: '' }, { access_token: 5 }])(
    'an answer without a token is an error: %j',
    async (body) => {
      await using vendor = await tokenVendor({ clock: new DrivenClock() });
      vendor.endpoint.script.push({ status: 200, body });
      await using source = await http(vendor, { client: client('post') });

      expect(await failure(source.get(request))).toBeInstanceOf(UnexpectedAnswerError);
      expect(vendor.api.requests).toHaveLength(0);
    },
  );

  test('no credential goes to another host in plain text', async () => {
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    await using source = await http(vendor, { tokenUrl: 'http://login.example/t', client: client('post') });

    const error = await failure(source.get(request));

    expect(error).toBeInstanceOf(UnauthorisedError);
    expect(error.message).toContain('Write https:// in token_url');
  });
});

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const folder = stateFolder();

async function fileWith(name: string, text: string): Promise<string> {
  const path = join(await folder, name);
  await writeFile(path, text);
  return path;
}

interface Jwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  verifies(key: KeyObject): boolean;
}

function jwtOf(text: string): Jwt {
  const [header = '', claims = '', signature = ''] = text.split('.');
  const parsed = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Jwt['header'];
  const data = Buffer.from(`${header}.${claims}`);
  const options = {
    RS256: {},
    PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    ES256: { dsaEncoding: 'ieee-p1363' as const },
  }[String(parsed(header)['alg'])];
  return {
    header: parsed(header),
    claims: parsed(claims),
    verifies: (key) => verify('sha256', data, { key, ...options }, Buffer.from(signature, 'base64url')),
  };
}

/** What the client of a key is, and its assertion. */
const keyClient = (keyFile: string, others: object = {}) => ({
  id: () => 'penstock',
  proof: { by: 'key' as const, keyFile, ...others },
});

function assertionOf({ endpoint }: TokenVendor, name: string, index = 0): Jwt {
  return jwtOf(formOf(endpoint.requests[index] ?? { body: Buffer.alloc(0) })[name] ?? '');
}

describe('a private key', () => {
  test.each([
    ['PKCS#8', RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }), RSA.publicKey, 'RS256'],
    ['PKCS#1', RSA.privateKey.export({ type: 'pkcs1', format: 'pem' }), RSA.publicKey, 'RS256'],
    ['SEC1', EC.privateKey.export({ type: 'sec1', format: 'pem' }), EC.publicKey, 'ES256'],
  ])('a key in %s signs the assertion', async (name, pem, publicKey, alg) => {
    const clock = new DrivenClock();
    const keyFile = await fileWith(`${name.replace('#', '')}.pem`, String(pem));
    await using vendor = await tokenVendor({ clock });
    await using source = await http(vendor, { client: keyClient(keyFile, { keyId: 'k1' }) }, { clock });

    await source.get(request);

    expect(vendor.endpoint.requests.map(formOf)).toMatchObject([
      {
        client_id: 'penstock',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      },
    ]);
    const jwt = assertionOf(vendor, 'client_assertion');
    expect(jwt.verifies(publicKey)).toBe(true);
    expect(jwt.header).toEqual({ alg, typ: 'JWT', kid: 'k1' });
    expect(jwt.claims).toMatchObject({
      iss: 'penstock',
      sub: 'penstock',
      aud: `${vendor.endpoint.url}/oauth/token`,
      iat: clock.now() / 1_000 - 30,
      nbf: clock.now() / 1_000 - 30,
      exp: clock.now() / 1_000 + 270,
    });
  });

  test('a certificate adds its thumbprint, and the assertion is signed with PS256', async () => {
    const fixtures = join(import.meta.dirname, '../fixtures');
    const [keyFile, certificateFile] = [join(fixtures, 'rsa.key'), join(fixtures, 'rsa.pem')];
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    await using source = await http(vendor, { client: keyClient(keyFile, { certificateFile }) });

    await source.get(request);

    const { raw, publicKey } = new X509Certificate(await readFile(certificateFile));
    const jwt = assertionOf(vendor, 'client_assertion');
    expect(jwt.header).toEqual({
      alg: 'PS256',
      typ: 'JWT',
      'x5t#S256': createHash('sha256').update(raw).digest('base64url'),
    });
    expect(jwt.verifies(publicKey)).toBe(true);
  });

  test('a key file is read for each token, and one that is absent for a moment keeps the last', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const keyFile = await fileWith(
      'changing.pem',
      String(RSA.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    );
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    await using source = await http(vendor, { client: keyClient(keyFile) });

    await source.get(request);
    await writeFile(keyFile, other.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    vendor.valid.clear();
    await source.get(request);
    await rm(keyFile);
    vendor.valid.clear();
    await source.get(request);

    const keys = [RSA.publicKey, other.publicKey, other.publicKey];
    expect(keys.map((key, index) => assertionOf(vendor, 'client_assertion', index).verifies(key))).toEqual([
      true,
      true,
      true,
    ]);
  });

  test.each([
    ['holds no private key', 'not a key, yet very private'],
    ['holds no private key', String(RSA.publicKey.export({ type: 'spki', format: 'pem' }))],
    ['cannot be read', undefined],
  ])('a key file that %s is an error for the operator (%#)', async (words, text) => {
    const keyFile = text === undefined ? '/nowhere/key.pem' : await fileWith('bad.pem', text);
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    await using source = await http(vendor, { client: keyClient(keyFile) });

    const error = await failure(source.get(request));

    expect(error).toBeInstanceOf(UnauthorisedError);
    expect(error.message).toContain(`the file of key.file ${words}`);
    expect(explain(error)).not.toContain('very private');
    expect(vendor.endpoint.requests).toHaveLength(0);
  });
});

const grantOf = (keyFile: string) => ({
  issuer: 'service@account.example',
  subject: 'admin@example.com',
  audience: 'https://oauth.example/token',
  keyFile,
  keyId: 'k2',
});

describe('the grant jwt_bearer', () => {
  test('a signed statement is exchanged, without a client', async () => {
    const clock = new DrivenClock();
    const keyFile = await fileWith(
      'grant.pem',
      String(RSA.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    );
    await using vendor = await tokenVendor({ clock });
    await using source = await http(vendor, { grant: grantOf(keyFile), scope: 'reports' }, { clock });

    await source.get(request);

    const form = vendor.endpoint.requests.map(formOf)[0];
    expect(form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      scope: 'reports',
      assertion: form?.['assertion'],
    });
    const jwt = assertionOf(vendor, 'assertion');
    const now = clock.now() / 1_000;
    expect(jwt.header).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k2' });
    expect(jwt.claims).toMatchObject({
      iss: 'service@account.example',
      sub: 'admin@example.com',
      aud: 'https://oauth.example/token',
      scope: 'reports',
      iat: now - 30,
      exp: now + 270,
    });
    expect(jwt.verifies(RSA.publicKey)).toBe(true);
  });

  test('it may have a client and its secret beside it', async () => {
    const keyFile = await fileWith(
      'grant.pem',
      String(EC.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    );
    await using vendor = await tokenVendor({ clock: new DrivenClock() });
    await using source = await http(vendor, { grant: grantOf(keyFile), client: client('post') });

    await source.get(request);

    expect(vendor.endpoint.requests.map(formOf)).toMatchObject([
      { client_id: 'a client', client_secret: CLIENT_SECRET },
    ]);
    expect(assertionOf(vendor, 'assertion').verifies(EC.publicKey)).toBe(true);
  });

  test('an assertion that the endpoint echoes is in no message', async () => {
    const keyFile = await fileWith(
      'grant.pem',
      String(RSA.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    );
    await using vendor = await tokenVendor({
      clock: new DrivenClock(),
      refuses: (asked) => ({ status: 400, body: { message: `bad: ${formOf(asked)['assertion']}` } }),
    });
    await using source = await http(vendor, { grant: grantOf(keyFile) });

    expect((await failure(source.get(request))).message).toContain('bad: [secret]');
  });
});

describe('clock skew', () => {
  test.each([-2 * 3_600, 3 * 3_600])(
    'an assertion that is refused by a clock %i s ahead is made once more with that clock',
    async (ahead) => {
      const clock = new DrivenClock();
      const keyFile = await fileWith(
        'skew.pem',
        String(RSA.privateKey.export({ type: 'pkcs8', format: 'pem' })),
      );
      const date = () => ({ date: new Date(clock.now() + ahead * 1_000).toUTCString() });
      await using vendor = await tokenVendor({
        clock,
        refuses: (asked) => {
          const { claims } = jwtOf(formOf(asked)['client_assertion'] ?? '');
          const [from, to] = [Number(claims['nbf'] ?? claims['iat']), Number(claims['exp'])];
          const now = clock.now() / 1_000 + ahead;
          return from <= now && now < to ? undefined : { status: 400, body: { error: 'invalid_client' } };
        },
      });
      vendor.endpoint.proxy.headers = date;
      await using source = await http(vendor, { client: keyClient(keyFile) }, { clock });

      await source.get(request);
      expect(vendor.endpoint.requests).toHaveLength(2);
      vendor.valid.clear();
      await source.get(request);
      expect(vendor.endpoint.requests).toHaveLength(3);
    },
  );

  test('a refusal by a clock that is right is final', async () => {
    const clock = new DrivenClock();
    const keyFile = await fileWith(
      'right.pem',
      String(RSA.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    );
    await using vendor = await tokenVendor({ clock, refuses: () => ({ status: 401 }) });
    await using source = await http(vendor, { client: keyClient(keyFile) }, { clock });

    expect(await failure(source.get(request))).toBeInstanceOf(UnauthorisedError);
    expect(vendor.endpoint.requests).toHaveLength(1);
  });
});
