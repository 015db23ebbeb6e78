import { describe, expect, it } from 'vitest';
import { mask } from '../../../src/core/secret.ts';
import { authorise, options } from '../../../src/sources/_qradar/schemas.ts';

const block = { type: 'qradar-login-attempts', base_url: 'https://qradar.example.com' };

describe('options', () => {
  it('the options of a console have the documented defaults', () => {
    expect(options.parse({ ...block, token: 'a token' })).toMatchObject({
      page_size: 1000,
      settle: 60_000,
      overlap: 300_000,
      initial_lookback: 604_800_000,
      slice: 86_400_000,
      resolve_users: true,
    });
  });

  it.each([
    ['no credential', {}],
    ['half of one', { username: 'admin' }],
    ['two', { token: 'a token', username: 'admin', password: 'a password' }],
  ])('the options of a console reject %s', (_, credential) => {
    const { error } = options.safeParse({ ...block, ...credential });

    expect(error?.issues).toMatchObject([
      { path: ['token'], message: expect.stringContaining('either') as string },
    ]);
  });

  it.each([
    ['26.0', '26.0'],
    [26, '26.0'],
    [26.1, '26.1'],
  ])('the version %j is read as %s', (api_version, sent) => {
    expect(options.parse({ ...block, token: 'a token', api_version }).api_version).toBe(sent);
  });
});

describe('authorise', () => {
  it('a token is sent as SEC', () => {
    expect(authorise(options.parse({ ...block, token: 'a token' }))).toEqual({ sec: 'a token' });
  });

  it('name and password are sent as Basic, and masked wherever they appear', () => {
    const basic = options.parse({ ...block, username: 'admin', password: 'a password' });

    const headers = authorise(basic);

    expect(headers).toEqual({ authorization: `Basic ${btoa('admin:a password')}` });
    expect(mask(JSON.stringify(headers))).not.toContain(btoa('admin:a password'));
  });
});
