import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import source from '../../../src/sources/botbye-declined-requests/index.ts';
import { bucketAt, INTERVAL_TYPES, nextEdge } from '../../../src/sources/botbye-declined-requests/schemas.ts';
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

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Africa/Cairo',
  'Asia/Kolkata',
  'Pacific/Apia',
];

describe('bucketAt', () => {
  it.each([
    ['HOUR', 'UTC', '2026-03-02T12:34:56Z', '2026-03-02T12:00:00Z', '2026-03-02T13:00:00Z'],
    ['HOUR', 'Asia/Kolkata', '2026-03-02T12:34:56Z', '2026-03-02T12:30:00Z', '2026-03-02T13:30:00Z'],
    ['DAY', 'UTC', '2026-03-02T00:00:00Z', '2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z'],
    [
      'DAY, of 23 hours',
      'Europe/Berlin',
      '2026-03-29T12:00:00Z',
      '2026-03-28T23:00:00Z',
      '2026-03-29T22:00:00Z',
    ],
    [
      'DAY, of 25 hours',
      'Europe/Berlin',
      '2026-10-25T12:00:00Z',
      '2026-10-24T22:00:00Z',
      '2026-10-25T23:00:00Z',
    ],
    [
      'DAY, begun at 1:00',
      'Africa/Cairo',
      '2026-04-24T12:00:00Z',
      '2026-04-23T22:00:00Z',
      '2026-04-24T21:00:00Z',
    ],
    ['MONTH', 'UTC', '2026-02-28T23:59:59.999Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
    ['MONTH', 'America/New_York', '2026-04-01T03:59:59Z', '2026-03-01T05:00:00Z', '2026-04-01T04:00:00Z'],
    ['MONTH, of a leap year', 'UTC', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  ])('the bucket of %s in %s at %s', (name, zone, at, from, to) => {
    const interval_type = INTERVAL_TYPES.find((type) => name.startsWith(type)) ?? 'DAY';

    const bucket = bucketAt(Date.parse(at), { interval_type, zone });

    expect(bucket).toEqual({ from: Date.parse(from), to: Date.parse(to) });
  });

  it('a bucket contains its instant, and meets its neighbours without a hole, in every zone', () => {
    const instant = fc.integer({ min: Date.UTC(2020), max: Date.UTC(2031) });
    fc.assert(
      fc.property(
        instant,
        fc.constantFrom(...INTERVAL_TYPES),
        fc.constantFrom(...ZONES),
        (at, interval_type, zone) => {
          const bucket = bucketAt(at, { interval_type, zone });

          expect(bucket.from).toBeLessThanOrEqual(at);
          expect(bucket.to).toBeGreaterThan(at);
          expect(bucketAt(bucket.to, { interval_type, zone }).from).toBe(bucket.to);
          expect(bucketAt(bucket.from - 1, { interval_type, zone }).to).toBe(bucket.from);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('a bucket contains its instant where clocks go back by half an hour', () => {
    const zone = 'Australia/Lord_Howe';
    const start = Date.parse('2026-04-04T13:00:00Z');
    const instants = Array.from({ length: 48 }, (_, step) => start + step * 300_000);

    const buckets = instants.map((at) => bucketAt(at, { interval_type: 'HOUR', zone }));

    expect(buckets.every(({ from, to }, step) => from <= instants[step]! && instants[step]! < to)).toBe(true);
  });
});

const GUARD = 30_000;

describe('nextEdge', () => {
  it.each([
    ['HOUR', 'UTC', '2026-03-02T12:10:00Z', '2026-03-02T12:59:45.000Z'],
    ['HOUR', 'UTC', '2026-03-02T12:59:45Z', '2026-03-02T13:00:31.000Z'],
    ['HOUR', 'UTC', '2026-03-02T13:00:05Z', '2026-03-02T13:00:31.000Z'],
    ['DAY', 'UTC', '2026-03-02T23:59:44.999Z', '2026-03-02T23:59:45.000Z'],
    ['DAY', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-29T21:59:45.000Z'],
    ['MONTH', 'UTC', '2026-02-10T00:00:00Z', '2026-02-28T23:59:45.000Z'],
  ] as const)('the extra poll for %s in %s, at %s, is at %s', (interval_type, zone, now, expected) => {
    const edge = nextEdge(Date.parse(now), { interval_type, zone }, GUARD);

    expect(new Date(edge).toISOString()).toBe(expected);
  });

  it('the extra poll is after now, before every edge and when its guard is over, in every zone', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(2020), max: Date.UTC(2031) }),
        fc.constantFrom(...INTERVAL_TYPES),
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Africa/Cairo'),
        fc.nat(900_000),
        (now, interval_type, zone, guard) => {
          const calendar = { interval_type, zone };
          const { to } = bucketAt(now, calendar);

          const edges = [now];
          for (let asked = 0; asked < 3; asked += 1) edges.push(nextEdge(edges.at(-1)!, calendar, guard));

          expect(edges).toEqual([...new Set(edges)].toSorted((one, other) => one - other));
          expect(edges).toContain(to + guard + 1000);
          expect(now >= to - 15_000 || edges.includes(to - 15_000)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
