import { describe, expect, test } from 'vitest';
import type { DestinationConfig } from '../../src/config/types.ts';
import type { EcsEvent } from '../../src/core/event.ts';
import { Providers, type Feed } from '../../src/otlp/providers.ts';
import { toLogRecord } from '../../src/otlp/records.ts';
import { decode, type ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { event } from '../deliver/support/events.ts';

type Profile = DestinationConfig['profile'];

const ENCODINGS = ['json', 'protobuf'] as const;

interface Arrival {
  readonly profile: Profile;
  readonly encoding?: (typeof ENCODINGS)[number];
  readonly fields?: EcsEvent;
  readonly feed?: Partial<Feed>;
  readonly namespace?: string;
}

/** The event as a receiver sees it. */
function arrived({
  profile,
  encoding = 'protobuf',
  fields = {},
  feed = {},
  namespace,
}: Arrival): ReceivedRecord {
  const page = {
    source: 'console',
    dataset: 'qradar.login_attempts',
    observedAt: Date.parse('2026-03-02T12:00:00Z'),
  };
  const providers = new Providers(
    { serviceName: undefined, resource: { 'deployment.environment': 'test' } },
    profile,
  );
  const record = toLogRecord(event(7, fields), page, { profile, namespaceOf: () => namespace });
  const records = providers.gather([{ dataset: 'qradar.login_attempts', lane: 'live', ...feed, record }]);
  const serializer = encoding === 'json' ? JsonLogsSerializer : ProtobufLogsSerializer;
  const [received] = decode(Buffer.from(serializer.serializeRequest(records) ?? []), encoding);
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

test('the service name that the operator set is used', () => {
  const named = new Providers(
    { serviceName: 'feeder', resource: { 'service.name': 'ignored' } },
    'attributes',
  );
  const [record] = named.gather([{ dataset: 'd', lane: 'live', record: {} }]);

  expect(record?.resource.attributes['service.name']).toBe('feeder');
});
