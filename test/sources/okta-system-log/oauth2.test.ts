import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { serve } from '../../../src/simulators/server.ts';
import { loadSources } from '../../../src/sources/registry.ts';
import { drive } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { testPipeline } from '../../support/test-pipeline.ts';

function decoded(part = ''): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
}

it('with OAuth 2 the client id and the key are required, and with an API token they are not', async () => {
  const source = (await loadSources()).get('okta-system-log');
  const missing = (block: object) =>
    source?.options
      .safeParse({ type: 'okta-system-log', base_url: 'https://acme.okta.com', ...block })
      .error?.issues.map(({ path }) => path.join('.'));

  expect(missing({ auth: 'oauth2' })?.toSorted()).toEqual(['client_id', 'key_file']);
  expect(missing({})).toEqual(['token']);
  expect(missing({ token: 'any' })).toBeUndefined();
});

it('with a private key a token is asked for with a signed assertion, and no `token` is needed', async () => {
  const source = (await loadSources()).get('okta-system-log');
  if (source === undefined) throw new Error('There is no okta-system-log.');
  await using directory = await temporaryDirectory();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const keyFile = join(directory.path, 'key.pem');
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const clock = new DrivenClock('2026-03-02T12:00:00Z');
  await using vendor = await serve(
    ({ path }) => ({
      status: 200,
      body:
        path === '/oauth2/v1/token'
          ? { access_token: 'an-access-token', token_type: 'Bearer', expires_in: 3_600 }
          : [],
    }),
    { clock },
  );
  const config = { auth: 'oauth2', client_id: '0oa1', key_file: keyFile, key_id: 'kid-1', slice: '7d' };
  const lab = testPipeline({ source, vendor, clock, config });

  await drive(clock, lab.once());

  const [token, logs] = vendor.requests;
  const form = new URLSearchParams(String(token?.body));
  expect(Object.fromEntries(form)).toMatchObject({
    grant_type: 'client_credentials',
    scope: 'okta.logs.read',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  });
  const [header, claims, signature] = (form.get('client_assertion') ?? '').split('.');
  expect(decoded(header)).toMatchObject({ alg: 'RS256', kid: 'kid-1' });
  expect(decoded(claims)).toMatchObject({
    iss: '0oa1',
    sub: '0oa1',
    aud: `${vendor.url}/oauth2/v1/token`,
  });
  const signed = Buffer.from(`${header}.${claims}`);
  const key = createPublicKey(privateKey);
  expect(verify('sha256', signed, key, Buffer.from(signature ?? '', 'base64url'))).toBe(true);
  expect(logs?.path).toBe('/api/v1/logs');
  expect(logs?.headers['authorization']).toBe('Bearer an-access-token');
});
