import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../../src/core/event.ts';
import type { MappingContext } from '../../../src/core/source.ts';
import { normalise, record } from '../../../src/sources/botbye-declined-requests/normalise.ts';
import { Collector } from './collector.ts';
import { Vendor } from './vendor.ts';

function map(
  row: Record<string, unknown>,
  mapping: Partial<MappingContext> = {},
  frame: Record<string, unknown> = {},
): EcsEvent {
  const parsed = record.parse({
    account: 'acc-1',
    project: 'p-1',
    dimension: 'country',
    interval_type: 'DAY',
    from: Date.parse('2026-03-02T00:00:00Z'),
    to: Date.parse('2026-03-03T00:00:00Z'),
    row: { id: 'p-1_x', declinedReqCount: 3, ...row },
    ...frame,
  });
  const scope = { id: 'p-1/country' };
  const observedAt = Date.parse('2026-03-02T12:00:00Z');
  return normalise(parsed, { scope, observedAt, reason: 'new', previous: undefined, delta: 3, ...mapping });
}

describe('normalise', () => {
  it.each([
    ['DEU', 'DE'],
    ['XKX', 'XK'],
    ['deu', undefined],
    ['DE', undefined],
    ['', undefined],
    ['ZZZ', undefined],
    ['constructor', undefined],
  ])('country %j is %s in ECS, and unchanged under the vendor’s name', (country, code) => {
    const event = map({ country });

    expect(event['source.geo.country_iso_code']).toBe(code);
    expect(event['botbye.declined_requests.country']).toBe(country);
  });

  it('an empty country is kept in the event', async () => {
    const vendor = new Vendor('2026-03-02T12:00:00Z');
    const collector = new Collector({ http: vendor.http, now: () => vendor.now });
    vendor.body = [{ id: 'p-1_', country: '', declinedReqCount: 1 }];

    await collector.poll();

    expect(collector.emitted[0]?.event).toMatchObject({ 'botbye.declined_requests.country': '' });
  });

  it.each([null, undefined])('an event has no country where the vendor has none (%s)', (country) => {
    expect(map({ country })).not.toHaveProperty('botbye.declined_requests.country');
  });

  it.each([
    ['/api/v1/login', { 'url.path': '/api/v1/login' }],
    ['/search?q=a?b&c=%20', { 'url.path': '/search', 'url.query': 'q=a?b&c=%20' }],
    ['?q', { 'url.query': 'q' }],
  ])('a URI is split: %s', (requestUri, fields) => {
    const event = map({ requestUri });

    const url = Object.entries(event).filter(([name]) => name.startsWith('url.'));
    expect(Object.fromEntries(url)).toEqual(fields);
  });

  it('a URI loses nothing', () => {
    const uri = fc.string({ unit: fc.constantFrom('/', 'a', '?', '&', '%', '#'), minLength: 1 });
    fc.assert(
      fc.property(uri, (requestUri) => {
        const { 'url.path': path = '', 'url.query': query = '' } = map({ requestUri });

        const whole = requestUri.includes('?') ? requestUri : `${requestUri}?`;
        expect(`${path as string}?${query as string}`).toBe(whole);
      }),
    );
  });

  it('an address that is not valid is not in source.ip', () => {
    expect(map({ remoteAddr: 'unknown' })).toMatchObject({ 'source.address': 'unknown' });
    expect(map({ remoteAddr: 'unknown' })).not.toHaveProperty('source.ip');
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['country', { country: 'DEU' }, 'from DEU'],
    ['country', { id: 'p-1_', country: '' }, 'from an unknown country'],
    ['country', { id: 'p-1_', country: null }, 'from an unknown country'],
    ['attack_source', { remoteAddr: '192.0.2.7', country: 'DEU' }, 'from 192.0.2.7 (DEU)'],
    ['attack_source', { remoteAddr: '192.0.2.7', country: '' }, 'from 192.0.2.7'],
    ['attack_source', { remoteAddr: '', country: '' }, 'from an unknown address'],
    ['endpoint', { requestUri: '/login?next=%2F' }, 'at /login'],
    ['endpoint', { id: 'p-1_', requestUri: '' }, 'at an unknown endpoint'],
    ['reason', { failedMessage: 'Bot detected' }, 'for "Bot detected"'],
    ['reason', { id: 'p-1_', failedMessage: '' }, 'for an unknown reason'],
    ['rule', { ruleId: 'r-1', ruleName: 'Block bots' }, 'by "Block bots"'],
    ['rule', { ruleId: 'r-1', ruleName: '' }, 'by "r-1"'],
    ['total_endpoint', { id: 'p-1_total' }, 'of total_endpoint total'],
  ])('the message of %s %j says what was declined', (dimension, row, what) => {
    const event = map(row, { delta: 1 }, { dimension });

    expect(event['message']).toBe(`BotBye: 3 declined ${what} today (+1), project p-1`);
  });

  it.each([
    ['HOUR', '2026-03-02T13:00:00Z', 'this hour', '2 Mar 14:00'],
    ['DAY', '2026-03-01T23:00:00Z', 'today', '2 Mar'],
    ['MONTH', '2026-02-28T23:00:00Z', 'this month', 'Mar'],
    ['DAY', '2025-12-30T23:00:00Z', 'today', '31 Dec 2025'],
  ])('the message names the bucket of %s from %s in its own time zone', (interval_type, start, now, then) => {
    const frame = { interval_type, from: Date.parse(start), zone: 'Europe/Berlin' };

    const counted = map({ country: 'DEU' }, { delta: 1 }, frame);
    const closed = map({ country: 'DEU' }, { reason: 'final', delta: -1 }, frame);

    expect(counted['message']).toBe(`BotBye: 3 declined from DEU ${now} (+1), project p-1`);
    expect(closed['message']).toBe(`BotBye: 3 declined from DEU, ${then} (-1, final), project p-1`);
  });

  it('a final event says when the bucket was last read', () => {
    const event = map({}, { reason: 'final', delta: 0 });

    expect(event).toMatchObject({
      'botbye.declined_requests.final': true,
      'botbye.declined_requests.delta': 0,
      'botbye.declined_requests.count': 3,
      message: 'BotBye: 3 declined from x, 2 Mar (+0, final), project p-1',
    });
  });
});
