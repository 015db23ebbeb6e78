import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../../src/ecs/event.ts';
import type { Telling } from '../../../src/source.ts';
import { normalise } from '../../../src/sources/botbye-declined-requests/normalise.ts';
import { record } from '../../../src/sources/botbye-declined-requests/record.ts';
import { Collector } from './collector.ts';
import { Vendor } from './vendor.ts';

function map(row: Record<string, unknown>, telling: Partial<Telling> = {}): EcsEvent {
  const parsed = record.parse({
    account: 'acc-1',
    project: 'p-1',
    dimension: 'country',
    interval_type: 'DAY',
    from: Date.parse('2026-03-02T00:00:00Z'),
    to: Date.parse('2026-03-03T00:00:00Z'),
    row: { id: 'p-1_x', declinedReqCount: 3, ...row },
  });
  const scope = { id: 'p-1/country' };
  const observedAt = Date.parse('2026-03-02T12:00:00Z');
  return normalise(parsed, { scope, observedAt, reason: 'new', previous: undefined, delta: 3, ...telling });
}

describe('normalise', () => {
  it.each([
    ['DEU', 'DE'],
    ['XKX', undefined],
    ['deu', undefined],
    ['DE', undefined],
    ['', undefined],
    ['ZZZ', undefined],
    ['constructor', undefined],
  ])('country %j is %s in ECS, and stays as it is under the vendor’s name', (country, code) => {
    const event = map({ country });

    expect(event['source.geo.country_iso_code']).toBe(code);
    expect(event['botbye.declined_requests.country']).toBe(country);
  });

  it('keeps an empty country through to the event', async () => {
    const vendor = new Vendor('2026-03-02T12:00:00Z');
    const collector = new Collector({ http: vendor.http, now: () => vendor.now });
    vendor.body = [{ id: 'p-1_', country: '', declinedReqCount: 1 }];

    await collector.poll();

    expect(collector.told[0]?.event).toMatchObject({ 'botbye.declined_requests.country': '' });
  });

  it.each([null, undefined])('has no country where the vendor has none (%s)', (country) => {
    expect(map({ country })).not.toHaveProperty('botbye.declined_requests.country');
  });

  it.each([
    ['/api/v1/login', { 'url.path': '/api/v1/login' }],
    ['/search?q=a?b&c=%20', { 'url.path': '/search', 'url.query': 'q=a?b&c=%20' }],
    ['?q', { 'url.query': 'q' }],
  ])('splits %s', (requestUri, fields) => {
    const event = map({ requestUri });

    const url = Object.entries(event).filter(([name]) => name.startsWith('url.'));
    expect(Object.fromEntries(url)).toEqual(fields);
  });

  it('loses nothing of a URI', () => {
    const uri = fc.string({ unit: fc.constantFrom('/', 'a', '?', '&', '%', '#'), minLength: 1 });
    fc.assert(
      fc.property(uri, (requestUri) => {
        const { 'url.path': path = '', 'url.query': query = '' } = map({ requestUri });

        const whole = requestUri.includes('?') ? requestUri : `${requestUri}?`;
        expect(`${path as string}?${query as string}`).toBe(whole);
      }),
    );
  });

  it('keeps an address that is none out of source.ip', () => {
    expect(map({ remoteAddr: 'unknown' })).toMatchObject({ 'source.address': 'unknown' });
    expect(map({ remoteAddr: 'unknown' })).not.toHaveProperty('source.ip');
  });

  it('says of a final telling until when the bucket was read', () => {
    const event = map({}, { reason: 'final', delta: 0 });

    expect(event).toMatchObject({
      'botbye.declined_requests.final': true,
      'botbye.declined_requests.delta': 0,
      'botbye.declined_requests.count': 3,
      message:
        'BotBye declined 3 requests in the bucket that ended, 0 more than told before: country x of project p-1.',
    });
  });
});
