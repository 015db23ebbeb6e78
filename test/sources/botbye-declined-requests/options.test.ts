import { describe, expect, it } from 'vitest';
import source from '../../../src/sources/botbye-declined-requests/index.ts';
import { optionsOf } from './collector.ts';

describe('options', () => {
  it('the options of BotBye have the documented defaults', () => {
    expect(optionsOf()).toMatchObject({
      types: ['attack_source', 'country', 'endpoint', 'reason', 'rule'],
      interval_type: 'DAY',
      interval: 1,
      auth: 'bearer',
      resource: 'declined_requests',
      bucket_timezone: 'UTC',
      edge_guard: 30_000,
    });
  });

  it.each([
    ['interval', 2, 'must be 1: the buckets of a longer interval are not documented'],
    ['interval_type', 'WEEK', 'Invalid option'],
    ['bucket_timezone', 'Mars/Olympus', 'expected an IANA time zone'],
    ['project_ids', [], 'expected at least one project id'],
    ['project_ids', ['p', 'p'], 'expected each project id once'],
    ['project_ids', [12], 'expected the id that BotBye shows'],
    ['account_id', '..', 'expected the id that BotBye shows'],
    ['types', ['rule', 'rule'], 'expected each type once'],
    ['types', ['asn'], 'Invalid option'],
    ['resource', '../x', 'expected one segment of a path'],
    ['edge_guard', '16m', 'must be at most 15m'],
  ])('the options of BotBye reject %s: %j', (name, value, message) => {
    expect(() => optionsOf({ [name]: value })).toThrow(message);
  });

  it.each(['base_url', 'account_id', 'project_ids', 'token'])('the options of BotBye require %s', (name) => {
    expect(() => optionsOf({ [name]: undefined })).toThrow(name);
  });

  it.each([
    ['bearer', { authorization: 'Bearer the token' }],
    ['x-api-key', { 'x-api-key': 'dGhlIHRva2Vu' }],
  ])('the options of BotBye authorise by %s', (auth, headers) => {
    expect(source.authorise(optionsOf({ auth }))).toEqual(headers);
  });

  it('each project and type is a stream, for the type of interval', async () => {
    const run = { options: optionsOf({ project_ids: ['p-1', 'p-2'], types: ['rule', 'total_endpoint'] }) };

    const scopes = await Array.fromAsync(source.streams(run as never));

    expect(scopes.map(({ id }) => id)).toEqual([
      'p-1/rule/DAY',
      'p-1/total_endpoint/DAY',
      'p-2/rule/DAY',
      'p-2/total_endpoint/DAY',
    ]);
  });
});
