import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type AnyValue, SeverityNumber } from '@opentelemetry/api';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eachRecord } from '../../src/otlp/decode.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import { type Feed, feedKey, resourceOf } from '../../src/otlp/feed.ts';
import { toJsonRecord } from '../../src/otlp/json-record.ts';
import { PROFILES } from '../../src/otlp/profiles.ts';
import { ProtobufReader } from '../../src/otlp/protobuf.ts';
import { RequestMaker, type RequestRecord } from '../../src/otlp/request.ts';
import { event } from '../deliver/support/events.ts';
import { printRequest } from './support/print-request.ts';

const SERIALIZERS = { 'http/protobuf': ProtobufLogsSerializer, 'http/json': JsonLogsSerializer } as const;
const WAYS = (['http/protobuf', 'http/json'] as const).flatMap((protocol) =>
  (['attributes', 'elastic-ecs'] as const).map((profile) => ({ protocol, profile })),
);
const IDENTITY = {
  serviceName: undefined,
  resource: { 'k8s.cluster': 'a', empty: '', long: 'é'.repeat(90) },
};

const text = fc.string({ unit: 'binary', maxLength: 150 });
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
  fc.constantFrom(0, 127, 128, -1, 2 ** 31, 2 ** 60, -(2 ** 62)),
);
const scalar = fc.oneof(text, number, fc.boolean());
const { value } = fc.letrec<{ value: AnyValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(scalar, { maxLength: 4 }) as fc.Arbitrary<AnyValue>,
    fc.dictionary(text, tie('value'), { maxKeys: 4 }) as fc.Arbitrary<AnyValue>,
  ),
}));
const hrTime = fc.tuple(
  fc.integer({ min: 0, max: 18_446_744_072 }),
  fc.integer({ min: 0, max: 999_999_999 }),
);
const feed: fc.Arbitrary<Feed> = fc.record({
  dataset: fc.constantFrom('qradar.login_attempts', 'penstock.gaps', 'x'.repeat(200)),
  lane: fc.constantFrom('live', 'backfill'),
});
const content = fc.record({
  feed,
  hrTime,
  hrTimeObserved: hrTime,
  severityNumber: fc.option(fc.constantFrom(SeverityNumber.INFO, SeverityNumber.WARN), { nil: undefined }),
  severityText: fc.option(fc.constantFrom('INFO', 'WARN'), { nil: undefined }),
  body: value,
  attributes: fc.dictionary(text, value, { maxKeys: 12 }),
});

type Content = typeof content extends fc.Arbitrary<infer T> ? T : never;

/** The records as the SDK would hold them: one Resource and one scope for each feed. */
function official(contents: readonly Content[], profile: keyof typeof PROFILES): ReadableLogRecord[] {
  const parts = new Map<string, Pick<ReadableLogRecord, 'resource' | 'instrumentationScope'>>();
  return contents.map(({ feed: own, ...fields }) => {
    const made = parts.get(feedKey(own)) ?? {
      resource: resourceFromAttributes(resourceOf(IDENTITY, own)),
      instrumentationScope: { name: 'penstock', attributes: PROFILES[profile].scope },
    };
    parts.set(feedKey(own), made);
    return { ...fields, ...made, droppedAttributesCount: 0 } as ReadableLogRecord;
  });
}

/** A record in protobuf, as the official serializer writes it. */
function officialBytes(record: ReadableLogRecord): Uint8Array {
  const request = ProtobufLogsSerializer.serializeRequest([record]) ?? new Uint8Array();
  const reader = new ProtobufReader(request);
  for (const [message, before] of [
    [0x0a, 0x0a],
    [0x12, 0x0a],
  ] as const) {
    reader.expect(message);
    reader.open();
    reader.expect(before);
    reader.at = reader.open();
  }
  const [bytes] = eachRecord(request.subarray(reader.at));
  if (bytes === undefined) throw new Error('The request has no record.');
  return bytes;
}

describe.each(WAYS)('$protocol, $profile', ({ protocol, profile }) => {
  const maker = new RequestMaker(IDENTITY, { protocol, profile });

  /** `stored` is a record of this profile already. */
  function recordOf(own: Feed, stored: Uint8Array): RequestRecord {
    const plain = new RequestMaker(IDENTITY, { protocol, profile: 'attributes' });
    return { feed: maker.feed(own), bytes: plain.record(stored, () => ({ dataset: '', namespace: '' })) };
  }

  test('a request is byte for byte what the official serializer writes of the same records', () => {
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 8 }), (contents) => {
        const records = official(contents, profile);
        const own = records.map((record, index) =>
          recordOf(contents[index]?.feed ?? { dataset: '', lane: 'live' }, officialBytes(record)),
        );

        const request = Buffer.from(maker.request(own));

        const expected = Buffer.from(SERIALIZERS[protocol].serializeRequest(records) ?? []);
        expect(request.toString('latin1')).toBe(expected.toString('latin1'));
      }),
      { numRuns: 200 },
    );
  });

  test('the size of a request is known exactly before it is written', () => {
    const sizes = fc.array(fc.tuple(feed, fc.nat(3_000)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, (records) => {
        const own = records.map(([one, length]) => ({
          feed: maker.feed(one),
          bytes: Buffer.alloc(length, 0x20),
        }));
        const size = maker.emptySize();
        const grown = own.map(({ feed: one, bytes }) => {
          const expected = size.with(one, maker.sizeOf(bytes));
          return { expected, by: size.add(one, maker.sizeOf(bytes)) };
        });

        const { length } = maker.request(own);
        expect(grown.at(-1)?.expected).toBe(length);
        expect(grown.reduce((sum, { by }) => sum + by, 0)).toBe(length - (protocol === 'http/json' ? 18 : 0));
      }),
    );
  });
});

test('a request without records is an empty message', () => {
  const requests = WAYS.map((way) => Buffer.from(new RequestMaker(IDENTITY, way).request([])).toString());

  expect(requests).toEqual(['', '', '{"resourceLogs":[]}', '{"resourceLogs":[]}']);
});

test('a whole double stays a double in JSON', () => {
  const [encoded] = new RecordEncoder({ 'vendor.score': 'double' }).encode(
    [event(1, { 'vendor.score': 52 })],
    0,
  );
  const [record = new Uint8Array()] = eachRecord(encoded?.bytes ?? new Uint8Array());

  expect(toJsonRecord(record).attributes).toContainEqual({ key: 'vendor.score', value: { doubleValue: 52 } });
});

test('a repeat after a restart is byte for byte the same, Resource and scope too', async () => {
  const script = new URL('support/print-request.ts', import.meta.url).pathname;

  const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: '/' });

  expect(stdout).toBe(printRequest());
  expect(stdout).not.toBe('\n');
});

test('the service name that the operator set is used', () => {
  const named = { serviceName: 'feeder', resource: { 'service.name': 'ignored' } };

  expect(resourceOf(named, { dataset: 'd', lane: 'live' })).toEqual({
    'service.name': 'feeder',
    'service.namespace': 'd',
  });
});
