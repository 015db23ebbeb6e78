import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { explain, TimedOutError, UnauthorisedError, UnavailableError } from '../../../src/core/errors.ts';
import { mask, Secret } from '../../../src/core/secret.ts';
import { oauth2 } from '../../../src/http/auth/oauth2.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { openAt, stateFolder } from '../support/journal.ts';
import { drive, failure, rig, until } from '../support/rig.ts';
import { CLIENT_SECRET, type TokenVendor, tokenVendor } from '../support/token-endpoint.ts';

const request = { path: '/x', route: 'x' };
const secret = new Secret(CLIENT_SECRET);

/** A client that gets its tokens from the vendor's endpoint. */
async function client(
  { api, endpoint }: TokenVendor,
  clock: DrivenClock,
  settings: Parameters<typeof rig>[1] = {},
) {
  const authentication = oauth2({
    tokenUrl: `${endpoint.url}/token`,
    client: { id: () => 'penstock', proof: { by: 'post', secret: () => secret.reveal() } },
    identity: () => ({ client_secret: secret.reveal() }),
  });
  return rig(api.url, { clock, authorise: () => authentication, ...settings });
}

const sentTokens = ({ api }: TokenVendor) =>
  api.requests.map(({ headers }) => Number(/token-(\d+)/.exec(headers['authorization'] ?? '')?.[1]));

describe('the life of a token', () => {
  test('concurrent requests fetch one token, and later ones use it', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life: 3_600 });
    await using http = (await client(vendor, clock)).http;

    await Promise.all(Array.from({ length: 20 }, () => http.get(request)));
    await http.get(request);

    expect(vendor.endpoint.requests).toHaveLength(1);
    expect(sentTokens(vendor)).toEqual(Array(21).fill(1));
    expect(http.requests).toBe(21);
  });

  test.each([
    ['a minute before its end', 3_600, 3_540],
    ['when a tenth of its life is left', 100, 90],
  ])('a token is renewed %s', async (_when, life, renewal) => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life });
    await using http = (await client(vendor, clock)).http;

    await http.get(request);
    clock.jump((renewal - 1) * 1_000);
    await http.get(request);
    clock.jump(1_000);
    await Promise.all([http.get(request), http.get(request)]);

    expect(sentTokens(vendor)).toEqual([1, 1, 2, 2]);
    expect(vendor.endpoint.requests).toHaveLength(2);
  });

  test('a token that cannot be renewed is used until it ends, and then its endpoint is waited for', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life: 3_600 });
    const { http, lines } = await client(vendor, clock, { options: { retries: 2 } });
    await http.get(request);

    clock.jump(3_550_000);
    vendor.endpoint.script.push({ status: 503 });
    await http.get(request);
    clock.jump(60_000);
    vendor.endpoint.script.push({ status: 503 }, { status: 503 });
    await drive(clock, http.get(request));

    expect(sentTokens(vendor)).toEqual([1, 1, 2]);
    expect(vendor.endpoint.requests).toHaveLength(1 + 1 + 3);
    expect(lines.map(({ msg }) => msg)).toContain(
      'The token could not be renewed; it is used until it expires.',
    );
    await http[Symbol.asyncDispose]();
  });

  test('a token without expires_in lasts until the vendor rejects it', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock });
    await using http = (await client(vendor, clock)).http;

    await http.get(request);
    clock.jump(90 * 86_400_000);
    await http.get(request);
    vendor.valid.clear();
    await http.get(request);

    expect(sentTokens(vendor)).toEqual([1, 1, 1, 2]);
  });

  test('a clock that is set forward ends a token early, and one that is set back does no harm', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life: 3_600 });
    await using http = (await client(vendor, clock)).http;

    await http.get(request);
    clock.jump(86_400_000);
    await http.get(request);
    clock.jump(-86_400_000);
    vendor.valid.clear();
    await http.get(request);

    expect(sentTokens(vendor)).toEqual([1, 2, 2, 3]);
  });
});

describe('a rejected token', () => {
  test('a storm of 401 fetches one new token, and every request is sent once more', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life: 3_600 });
    const { http, lines } = await client(vendor, clock);
    await http.get(request);
    vendor.valid.clear();

    const answers = await Promise.all(Array.from({ length: 20 }, () => http.get(request)));

    expect(answers.map((answer) => JSON.stringify(answer.json()))).toEqual(Array(20).fill('[1]'));
    expect(vendor.endpoint.requests).toHaveLength(2);
    expect(sentTokens(vendor).filter((token) => token === 1)).toHaveLength(21);
    expect(sentTokens(vendor).filter((token) => token === 2)).toHaveLength(20);
    expect(JSON.stringify(lines)).not.toContain('of-the-vendor');
    await http[Symbol.asyncDispose]();
  });

  test('a second 401 is an error, without further tries', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life: 3_600 });
    for (let n = 0; n < 40; n += 1) vendor.api.script.push({ status: 401, body: { message: 'No' } });
    await using http = (await client(vendor, clock)).http;

    const errors = await Promise.all(Array.from({ length: 20 }, () => failure(http.get(request))));

    expect(errors.every((error) => error instanceof UnauthorisedError)).toBe(true);
    expect(vendor.api.requests).toHaveLength(40);
    expect(vendor.endpoint.requests).toHaveLength(2);
  });

  test('both tries are spent from the quota, tokens are not', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life: 3_600 });
    const quotas = [{ route: 'x', requests: 9, per: 3_600_000 }];
    await using http = (await client(vendor, clock, { quotas })).http;

    await http.get(request);
    vendor.valid.clear();
    await http.get(request);

    expect(await http.available('x')).toBe(9 - 3);
    expect(vendor.endpoint.requests).toHaveLength(2);
  });

  test('403 fetches no new token', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life: 3_600 });
    vendor.api.script.push({ status: 403 });
    await using http = (await client(vendor, clock)).http;

    expect(await failure(http.get(request))).toBeInstanceOf(UnauthorisedError);
    expect(vendor.endpoint.requests).toHaveLength(1);
  });

  test('a renewed token is the same budget', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, life: 3_600 });
    const quotas = [{ route: 'x', requests: 2, per: 60_000 }];
    await using http = (await client(vendor, clock, { quotas })).http;
    const before = http.quotaName('x');

    await http.get(request);
    vendor.valid.clear();
    const waiting = http.get(request);
    await until(() => vendor.endpoint.requests.length === 2);

    expect(http.quotaName('x')).toBe(before);
    expect(vendor.api.requests).toHaveLength(2);
    await drive(clock, waiting);
    const [first, , third] = vendor.api.requests;
    expect((third?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(60_000);
  });
});

describe('a token endpoint that fails', () => {
  test('an outage is retried, not once more for each try of the request, and spends no quota', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock, refuses: () => ({ status: 503 }) });
    const quotas = [{ route: 'x', requests: 9, per: 60_000 }];
    const { http } = await client(vendor, clock, { quotas, options: { retries: 3 } });

    const error = await failure(drive(clock, http.get(request)));

    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toContain(`${vendor.endpoint.url}/token answered 503`);
    expect(vendor.endpoint.requests).toHaveLength(4);
    expect(vendor.api.requests).toHaveLength(0);
    expect(await http.available('x')).toBe(9);
    await http[Symbol.asyncDispose]();
  });

  test.each([
    ['a page with 200', { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>Log in</h1>' }],
    ['a page with 403', { status: 403, headers: { 'content-type': 'text/html' }, body: '<h1>Blocked</h1>' }],
    ['a reset', { status: 200, fault: 'reset' }],
    ['half an answer', { status: 200, body: { access_token: 'half-of-a-token' }, fault: 'truncate' }],
    ['no JSON', { status: 200, body: 'access_token=half-of-a-token' }],
    ['429', { status: 429, headers: { 'retry-after': '20' } }],
    ['a time-out of its own', { status: 504 }],
  ] as const)('%s passes', async (_what, answer) => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock });
    vendor.endpoint.script.push(answer);
    const { http, lines } = await client(vendor, clock);

    await drive(clock, http.get(request));

    expect(sentTokens(vendor)).toEqual([1]);
    expect(vendor.endpoint.requests).toHaveLength(2);
    expect(JSON.stringify(lines)).not.toMatch(/half-of-a-token|s3cret/);
    await http[Symbol.asyncDispose]();
  });

  test('a slow endpoint holds requests up no longer than the time-out', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock });
    vendor.endpoint.script.push({ status: 200, fault: 'hang' });
    const { http } = await client(vendor, clock, { options: { retries: 0, timeout: 30_000 } });
    const started = clock.now();

    const errors = await drive(clock, Promise.all([failure(http.get(request)), failure(http.get(request))]));

    expect(errors.every((error) => error instanceof TimedOutError)).toBe(true);
    expect(clock.now() - started).toBe(30_000);
    expect(vendor.api.requests).toHaveLength(0);
    await http[Symbol.asyncDispose]();
  });

  test('a slow endpoint that answers serves everyone who waited', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock });
    const token = { access_token: 'token-9-of-the-vendor', expires_in: 60 };
    vendor.endpoint.script.push({ status: 200, body: token, delay: 20_000 });
    vendor.valid.set(token.access_token, Infinity);
    const { http } = await client(vendor, clock);

    await drive(clock, Promise.all(Array.from({ length: 5 }, () => http.get(request))));

    expect(sentTokens(vendor)).toEqual([9, 9, 9, 9, 9]);
    await http[Symbol.asyncDispose]();
  });

  test('a stop ends the wait for a token', async () => {
    const clock = new DrivenClock();
    await using vendor = await tokenVendor({ clock });
    vendor.endpoint.script.push({ status: 200, fault: 'hang' });
    const { http, stop } = await client(vendor, clock);
    const waiting = failure(http.get(request));
    await until(() => vendor.endpoint.requests.length === 1);

    stop.abort(new Error('stopped'));

    expect((await waiting).message).toBe('stopped');
    await http[Symbol.asyncDispose]();
  });
});

test('no token and no secret is in errors, logs, reports or the state', async () => {
  const clock = new DrivenClock();
  const folder = await stateFolder();
  await using vendor = await tokenVendor({ clock, life: 3_600 });
  const shown: string[] = [];
  {
    await using journal = await openAt(folder, clock);
    const quotas = [{ route: 'x', requests: 99, per: 3_600_000 }];
    const { http, lines, reports } = await client(vendor, clock, {
      journal,
      quotas,
      options: { retries: 0 },
    });
    await http.get(request);
    const token = 'token-1-of-the-vendor';
    vendor.api.script.push({ status: 400, body: { message: `Bearer ${token} and ${CLIENT_SECRET}` } });
    shown.push(inspect(await failure(http.get(request)), { depth: 5 }));
    vendor.valid.clear();
    const form = new URLSearchParams({ client_secret: CLIENT_SECRET }).toString();
    vendor.endpoint.script.push({ status: 400, body: { error: 'invalid_client', error_description: form } });
    const refused = await failure(http.get(request));
    shown.push(inspect(refused, { depth: 5 }), explain(refused), JSON.stringify([lines, reports]));
    expect(refused.message).toContain('invalid_client: client_secret=[secret]');
    expect(mask(`it was ${token}`)).toBe('it was [secret]');
    await http[Symbol.asyncDispose]();
  }
  for (const name of await readdir(folder, { recursive: true })) {
    const file = await readFile(join(folder, name)).catch(() => Buffer.alloc(0));
    shown.push(file.toString('latin1'));
  }

  expect(shown.join()).not.toMatch(/of-the-vendor|nobody\/may|nobody%2Fmay/);
});
