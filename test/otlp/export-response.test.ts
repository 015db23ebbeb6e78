import { create, toBinary } from '@bufbuild/protobuf';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readExportResponse, readPartialSuccess } from '../../src/otlp/export-response.ts';
import { exportResponse, status } from '../../src/simulators/otlp-receiver-schema.ts';

const text = fc.string({ unit: 'binary', maxLength: 200 });
const response = fc
  .record({ rejectedLogRecords: fc.bigInt({ min: 0n, max: 2n ** 53n }), errorMessage: text })
  .map((partialSuccess) => toBinary(exportResponse, create(exportResponse, { partialSuccess })));
/** Fields of later versions. */
const unknown = fc
  .constantFrom('', '1001', '19000000000000f03f', '2203616263', '2d01000000')
  .map((hex) => Buffer.from(hex, 'hex'));

test('a response is read as the official deserializer reads it', () => {
  fc.assert(
    fc.property(unknown, response, unknown, (before, known, after) => {
      const bytes = Buffer.concat([before, known, after]);

      expect(readExportResponse(bytes)).toEqual(ProtobufLogsSerializer.deserializeResponse(bytes));
    }),
  );
});

test('a response that ends too early is an error', () => {
  fc.assert(
    fc.property(response, fc.nat(), (bytes, cut) => {
      fc.pre(bytes.length > 2);
      const short = bytes.subarray(0, 1 + (cut % (bytes.length - 1)));

      expect(() => readExportResponse(short)).toThrow(RangeError);
    }),
  );
});

test.each(['0b', '09000000', '0d0000', 'ffffffffffffffffffffff'])(
  'bytes that are not protobuf are an error: %s',
  (hex) => {
    expect(() => readExportResponse(Buffer.from(hex, 'hex'))).toThrow(RangeError);
  },
);

test('a status has its message where a partial success has it', () => {
  const bytes = toBinary(status, create(status, { message: 'too old' }));

  expect(readPartialSuccess(bytes)).toMatchObject({ errorMessage: 'too old' });
});
