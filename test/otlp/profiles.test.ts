import { describe, expect, test } from 'vitest';
import type { DestinationConfig } from '../../src/config/types.ts';
import type { EcsEvent } from '../../src/core/event.ts';
import { eachRecord } from '../../src/otlp/decode.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import type { Feed } from '../../src/otlp/feed.ts';
import { PROFILES } from '../../src/otlp/profiles.ts';
import { RequestMaker } from '../../src/otlp/request.ts';
import { decode, type ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { event } from '../deliver/support/events.ts';
import { encodedAlone } from '../support/records.ts';

type Profile = DestinationConfig['profile'];

const ENCODINGS = ['json', 'protobuf'] as const;

interface Arrival {
  readonly profile: Profile;
  readonly encoding?: (typeof ENCODINGS)[number];
  readonly fields?: EcsEvent;
  readonly feed?: Partial<Feed>;
  readonly namespace?: string;
}

const TYPES = { 'vendor.whole': 'double' } as const;

/** The event as a receiver sees it. */
function arrived({
  profile,
  encoding = 'protobuf',
  fields = {},
  feed = {},
  namespace = 'default',
}: Arrival): ReceivedRecord {
  const maker = new RequestMaker(
    { serviceName: undefined, resource: { 'deployment.environment': 'test' } },
    { profile, protocol: encoding === 'json' ? 'http/json' : 'http/protobuf' },
  );
  const [page] = new RecordEncoder(TYPES).encode([event(7, fields)], Date.parse('2026-03-02T12:00:00Z'));
  if (page === undefined) throw new Error('nothing was encoded');
  const { dataset } = page;
  const records = [...eachRecord(page.bytes)].map((stored) => ({
    feed: maker.feed({ dataset, lane: 'live', ...feed }),
    bytes: maker.record(stored, () => ({ dataset, namespace })),
  }));
  const [received] = decode(Buffer.from(maker.request(records)), encoding);
  if (received === undefined) throw new Error('nothing arrived');
  return received;
}

/** Everything of the event but what a record carries elsewhere. */
const FIELDS = {
  'ecs.version': '9.4.0',
  'event.kind': 'event',
  'event.category': ['authentication'],
  'event.type': ['start'],
  'event.action': 'login',
  'event.dataset': 'qradar.login_attempts',
  'event.module': 'qradar',
  'event.created': '2026-03-02T12:00:00.000Z',
  'event.sequence': 7,
};

const DATA_STREAM = {
  'data_stream.type': 'logs',
  'data_stream.dataset': 'qradar.login_attempts',
  'data_stream.namespace': 'default',
};

describe.each(ENCODINGS)('%s', (encoding) => {
  test('profile attributes: the body is a sentence, the attributes are flat dotted fields', () => {
    const { record, scope, resource } = arrived({ profile: 'attributes', encoding });

    expect(record).toMatchObject({
      body: 'User number 7 failed to log in',
      severityNumber: 9,
      severityText: 'INFO',
    });
    expect(record.attributes).toEqual({ ...FIELDS, 'log.record.uid': 'uid-7' });
    expect(scope).toEqual({ name: 'penstock', version: '', attributes: {} });
    expect(resource).toEqual({
      'deployment.environment': 'test',
      'service.name': 'penstock',
      'service.namespace': 'qradar.login_attempts',
    });
  });

  test('profile elastic-ecs: routing and id are added, and no severity that would replace the event’s own', () => {
    const { record, scope } = arrived({ profile: 'elastic-ecs', encoding });

    expect(record).toMatchObject({
      body: 'User number 7 failed to log in',
      severityNumber: 0,
      severityText: '',
    });
    expect(record.attributes).toEqual({
      ...FIELDS,
      ...DATA_STREAM,
      'log.record.uid': 'uid-7',
      'elasticsearch.document_id': 'uid-7',
    });
    expect(scope.attributes).toEqual({ 'elastic.mapping.mode': 'ecs' });
  });

  test('profile elastic-bodymap: the body is the document', () => {
    const { record, scope } = arrived({ profile: 'elastic-bodymap', encoding });

    expect(record.body).toEqual({
      '@timestamp': '2026-03-02T11:59:00.123Z',
      ecs: { version: '9.4.0' },
      event: {
        kind: 'event',
        category: ['authentication'],
        type: ['start'],
        action: 'login',
        dataset: 'qradar.login_attempts',
        module: 'qradar',
        created: '2026-03-02T12:00:00.000Z',
        sequence: 7,
      },
      message: 'User number 7 failed to log in',
      data_stream: { type: 'logs', dataset: 'qradar.login_attempts', namespace: 'default' },
    });
    expect(record.attributes).toEqual({
      ...DATA_STREAM,
      'log.record.uid': 'uid-7',
      'elasticsearch.document_id': 'uid-7',
    });
    expect(scope.attributes).toEqual({ 'elastic.mapping.mode': 'bodymap' });
  });

  test('profile json-body: the body is the event as text, and six attributes can be searched', () => {
    const { record, scope } = arrived({ profile: 'json-body', encoding });

    expect(JSON.parse(record.body as string)).toMatchObject({
      '@timestamp': '2026-03-02T11:59:00.123Z',
      event: { action: 'login', sequence: 7 },
    });
    expect(record.attributes).toEqual({
      'event.kind': 'event',
      'event.category': ['authentication'],
      'event.type': ['start'],
      'event.action': 'login',
      'event.dataset': 'qradar.login_attempts',
      'log.record.uid': 'uid-7',
    });
    expect(scope.attributes).toEqual({});
  });

  test('a record with more than 128 attributes arrives whole', () => {
    const fields = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`vendor.field_${index}`, index]),
    );

    const { record } = arrived({ profile: 'attributes', encoding, fields });

    expect(record.droppedAttributesCount).toBe(0);
    expect(record.attributes).toMatchObject(fields);
  });

  test('values of all types arrive unchanged', () => {
    const awkward = {
      'vendor.big': 12_345_678_901_234_567_890n,
      'vendor.integer': 39_398_076_696_000_000,
      'vendor.huge': 1e21,
      'vendor.exact': Number.MAX_SAFE_INTEGER,
      'vendor.double': 0.1,
      'vendor.nan': Number.NaN,
      'vendor.infinite': Infinity,
      'vendor.null': null,
      'vendor.undefined': undefined,
      'vendor.date': new Date('2026-03-02T12:00:00Z'),
      'vendor.lone': 'a\uD800b',
      'vendor.mixed': [1, 2n ** 70n, null],
      'vendor.one': ['single'],
      'vendor.none': [],
    } as unknown as EcsEvent;

    const { record } = arrived({ profile: 'attributes', encoding, fields: awkward });

    expect(
      Object.fromEntries(Object.entries(record.attributes).filter(([name]) => name.startsWith('vendor.'))),
    ).toEqual({
      'vendor.big': '12345678901234567890',
      'vendor.integer': 39_398_076_696_000_000n,
      'vendor.huge': '1000000000000000000000',
      'vendor.exact': Number.MAX_SAFE_INTEGER,
      'vendor.double': 0.1,
      'vendor.date': '2026-03-02T12:00:00.000Z',
      'vendor.lone': 'a\uFFFDb',
      'vendor.mixed': ['1', '1180591620717411303424'],
      'vendor.one': ['single'],
    });
  });

  test('times keep every digit', () => {
    const fields = {
      '@timestamp': '2026-03-02T12:00:00.123456789+01:00',
      'event.created': '2026-03-02T12:00:00.5Z',
    };

    const { record } = arrived({ profile: 'attributes', encoding, fields });

    expect(record.timeUnixNano).toBe(1_772_449_200_123_456_789n);
    expect(record.observedTimeUnixNano).toBe(1_772_452_800_500_000_000n);
  });
});

test.each([
  ['1969-12-31T23:59:59Z', 0n],
  ['9999-12-31T23:59:59Z', 18_446_744_073_000_000_000n],
  ['not a time', 1_772_452_800_000_000_000n],
])('a time that OTLP cannot carry does not spoil a request: %s', (time, nanoseconds) => {
  const { record } = arrived({ profile: 'attributes', fields: { '@timestamp': time } });

  expect(record.timeUnixNano).toBe(nanoseconds);
});

test.each([
  [{ message: '' }, 'login'],
  [{ message: '', 'event.action': '' }, 'qradar.login_attempts'],
])('the body is never empty', (fields, body) => {
  expect(arrived({ profile: 'attributes', fields }).record.body).toBe(body);
});

test('an alert has the severity WARN', () => {
  const { record } = arrived({ profile: 'attributes', fields: { 'event.kind': 'alert' } });

  expect(record).toMatchObject({ severityNumber: 13, severityText: 'WARN' });
});

test('records of a backfill have a service namespace of their own', () => {
  const { resource } = arrived({ profile: 'attributes', feed: { lane: 'backfill' } });

  expect(resource['service.namespace']).toBe('qradar.login_attempts-backfill');
});

test('the namespace of a source or tenant is used', () => {
  const { record } = arrived({ profile: 'elastic-ecs', namespace: 'customer_a' });

  expect(record.attributes['data_stream.namespace']).toBe('customer_a');
});

describe('a document that OTLP nests', () => {
  test('a field that has children too keeps its value', () => {
    const fields = { 'vendor.a': 1, 'vendor.a.b': 2, 'vendor.c.d': 3, 'vendor.c': 4 };

    const { record } = arrived({ profile: 'elastic-bodymap', fields });

    expect(record.body).toMatchObject({ vendor: { a: { value: 1, b: 2 }, c: { d: 3, value: 4 } } });
  });

  test('names that JavaScript objects have are fields', () => {
    const fields = JSON.parse('{"__proto__.x":1,"constructor":2,"vendor.toString":"text"}') as EcsEvent;

    const { record } = arrived({ profile: 'elastic-bodymap', fields });

    const body = record.body as Record<string, unknown>;
    expect(Object.keys(body)).toEqual(expect.arrayContaining(['constructor', 'vendor']));
    expect(body['vendor']).toEqual({ toString: 'text' });
  });
});

test('a record that cannot be shaped leaves nothing in the next one', () => {
  const profile = PROFILES['elastic-bodymap'];
  const shaped = (fields: EcsEvent) =>
    profile.shape(encodedAlone(event(1, fields)), () => ({ dataset: 'd', namespace: 'default' }));
  const before = shaped({});

  // Objects that are nested so deep overflow the stack.
  expect(() => shaped({ ['a.'.repeat(50_000)]: 1 })).toThrow(RangeError);

  expect(shaped({})).toEqual(before);
});

test.each(['attributes', 'elastic-ecs', 'elastic-bodymap'] as const)(
  'a whole double is sent as a double in both encodings: %s',
  (profile) => {
    const sent = ENCODINGS.map((encoding) => {
      const maker = new RequestMaker(
        { serviceName: undefined, resource: {} },
        { profile, protocol: encoding === 'json' ? 'http/json' : 'http/protobuf' },
      );
      const [page] = new RecordEncoder(TYPES).encode([event(1, { 'vendor.whole': 52 })], 0);
      const [stored = new Uint8Array()] = eachRecord(page?.bytes ?? new Uint8Array());
      return Buffer.from(maker.record(stored, () => ({ dataset: 'd', namespace: 'default' })));
    });

    const double = Buffer.alloc(9, 0x21);
    double.writeDoubleLE(52, 1);
    expect(sent.map((bytes) => bytes.includes(double) || bytes.includes('{"doubleValue":52}'))).toEqual([
      true,
      true,
    ]);
  },
);
