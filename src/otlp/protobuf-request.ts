import { LOG_RECORD, PAIR, VALUE } from './layout.ts';
import { ProtobufWriter, sizeOfVarint } from './protobuf.ts';
import type { FeedParts, RequestFormat } from './request-format.ts';

/** Tags of ExportLogsServiceRequest and of the messages around log records (opentelemetry-proto, logs/v1/logs.proto). */
const TAG = {
  resourceLogs: 0x0a,
  resource: 0x0a,
  scopeLogs: 0x12,
  scope: 0x0a,
  resourceAttribute: 0x0a,
  resourceDropped: 0x10,
  scopeName: 0x0a,
  scopeAttribute: 0x1a,
} as const;

/** One buffer for all requests, because writing never waits. */
const writer = new ProtobufWriter();

/** Requests in protobuf: the same bytes around the records as the official serializer writes. */
export const PROTOBUF_REQUEST: RequestFormat = {
  frame: 0,

  resource(attributes) {
    writer.byte(TAG.resource);
    const start = writer.open(1);
    for (const [name, value] of Object.entries(attributes))
      writeAttribute(TAG.resourceAttribute, name, value);
    writer.byte(TAG.resourceDropped);
    writer.varint(0);
    writer.close(start, 1);
    return writer.take();
  },

  scope(name, attributes) {
    writer.byte(TAG.scope);
    const start = writer.open(1);
    writer.byte(TAG.scopeName);
    writer.text(name);
    for (const [key, value] of Object.entries(attributes)) writeAttribute(TAG.scopeAttribute, key, value);
    writer.close(start, 1);
    return writer.take();
  },

  record: (record) => record,

  sizeOf: ({ length }) => framed(length),

  sizeOfFeed: (feed, records) => framed(sizeOfResourceLogs(feed, records)),

  write(feeds) {
    for (const [feed, records] of feeds) {
      const size = records.reduce((sum, { length }) => sum + framed(length), 0);
      writer.byte(TAG.resourceLogs);
      writer.varint(sizeOfResourceLogs(feed, size));
      writer.raw(feed.resource);
      writer.byte(TAG.scopeLogs);
      writer.varint(feed.scope.length + size);
      writer.raw(feed.scope);
      for (const record of records) {
        writer.byte(LOG_RECORD);
        writer.varint(record.length);
        writer.raw(record);
      }
    }
    return writer.take();
  },
};

function sizeOfResourceLogs({ resource, scope }: FeedParts, records: number): number {
  return resource.length + framed(scope.length + records);
}

/** A tag, a length, and so many bytes. */
function framed(length: number): number {
  return 1 + sizeOfVarint(length) + length;
}

function writeAttribute(tag: number, name: string, value: string): void {
  writer.byte(tag);
  const pair = writer.open(1);
  writer.byte(PAIR.key);
  writer.text(name);
  writer.byte(PAIR.value);
  const start = writer.open(1);
  writer.byte(VALUE.string);
  writer.text(value);
  writer.close(start, 1);
  writer.close(pair, 1);
}
