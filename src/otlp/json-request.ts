import { type JsonKeyValue, toJsonRecord } from './json-record.ts';
import type { RequestFormat } from './request-format.ts';

const OPEN_REQUEST = Buffer.from('{"resourceLogs":[');
const CLOSE_REQUEST = Buffer.from(']}');
const OPEN_FEED = Buffer.from('{"resource":');
const OPEN_SCOPE = Buffer.from(',"scopeLogs":[{"scope":');
const OPEN_RECORDS = Buffer.from(',"logRecords":[');
const CLOSE_FEED = Buffer.from(']}]}');
const COMMA = Buffer.from(',');

const AROUND_FEED = OPEN_FEED.length + OPEN_SCOPE.length + OPEN_RECORDS.length + CLOSE_FEED.length;

/** Requests in OTLP's JSON encoding, member for member as the official serializer writes them. */
export const JSON_REQUEST: RequestFormat = {
  // Each feed counts a comma, and the last one has none.
  frame: OPEN_REQUEST.length + CLOSE_REQUEST.length - COMMA.length,

  resource: (attributes) => encoded({ attributes: pairs(attributes), droppedAttributesCount: 0 }),

  scope(name, attributes) {
    const own = { attributes: pairs(attributes), droppedAttributesCount: 0 };
    return encoded(Object.keys(attributes).length === 0 ? { name } : { name, ...own });
  },

  record: (record) => encoded(toJsonRecord(record)),

  sizeOf: ({ length }) => length + COMMA.length,

  // Each record counts a comma, and the last one has none, but the feed has.
  sizeOfFeed: ({ resource, scope }, records) => AROUND_FEED + resource.length + scope.length + records,

  write(feeds) {
    const parts = [...feeds].map(([{ resource, scope }, records]) => [
      OPEN_FEED,
      resource,
      OPEN_SCOPE,
      scope,
      OPEN_RECORDS,
      ...separated(records),
      CLOSE_FEED,
    ]);
    return Buffer.concat([OPEN_REQUEST, ...separated(parts).flat(), CLOSE_REQUEST]);
  },
};

function separated<T>(parts: readonly T[]): (T | Uint8Array)[] {
  return parts.flatMap((part, index) => (index === 0 ? [part] : [COMMA, part]));
}

function pairs(attributes: Readonly<Record<string, string>>): JsonKeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: value } }));
}

function encoded(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
