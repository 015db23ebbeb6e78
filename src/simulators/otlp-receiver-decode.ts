import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { create, fromBinary, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import {
  type AnyValue,
  type ExportRequest,
  exportRequest,
  type KeyValue,
  logRecord,
  type LogRecordMessage,
  type ResourceLogs,
  type ScopeLogs,
} from './otlp-receiver-schema.ts';

export type Encoding = 'protobuf' | 'json';

/** An attribute's or body's value. Integers beyond 2^53 are BigInt. */
type Plain =
  | null
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** A log record as it arrived, with its Resource and scope. */
export interface ReceivedRecord {
  readonly resource: Readonly<Record<string, Plain>>;
  readonly scope: {
    readonly name: string;
    readonly version: string;
    readonly attributes: Readonly<Record<string, Plain>>;
  };
  readonly record: {
    readonly timeUnixNano: bigint;
    readonly observedTimeUnixNano: bigint;
    readonly severityNumber: number;
    readonly severityText: string;
    readonly eventName: string;
    readonly body: Plain;
    readonly attributes: Readonly<Record<string, Plain>>;
    readonly droppedAttributesCount: number;
  };
  /** The attribute `log.record.uid`; '' without one. */
  readonly uid: string;
  /**
   * Resource, scope and record as protobuf: two are equal byte for byte if all three are, however they were batched,
   * encoded and compressed.
   */
  readonly bytes: Uint8Array;
}

/** The body is not an OTLP request; answered with 400, like the Collector. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError' as const;
}

/** The body of a request without its `Content-Encoding`. @throws UndecodableError */
export async function decompress(body: Buffer, contentEncoding = 'identity'): Promise<Buffer> {
  if (contentEncoding === 'identity') return body;
  if (contentEncoding !== 'gzip')
    throw new UndecodableError(`unsupported Content-Encoding: ${contentEncoding}`);
  try {
    return await promisify(gunzip)(body);
  } catch (error) {
    throw new UndecodableError(`gzip: ${String(error)}`, { cause: error });
  }
}

/** The log records of an `ExportLogsServiceRequest`, in order. @throws UndecodableError */
export function decode(body: Buffer, encoding: Encoding): ReceivedRecord[] {
  return parse(body, encoding).resourceLogs.flatMap((resourceLogs) =>
    resourceLogs.scopeLogs.flatMap((scopeLogs) => {
      const origin = originOf(resourceLogs, scopeLogs);
      return scopeLogs.logRecords.map((record) => received(origin, record));
    }),
  );
}

function parse(body: Buffer, encoding: Encoding): ExportRequest {
  try {
    if (encoding === 'protobuf') return fromBinary(exportRequest, body);
    const text = body.toString();
    // The reviver costs more than everything else here, and most requests contain nothing that needs it.
    const json: unknown = DELICATE.test(text) ? JSON.parse(text, exactly) : JSON.parse(text);
    return fromJson(exportRequest, json as JsonValue, { ignoreUnknownFields: true });
  } catch (error) {
    throw new UndecodableError(String(error), { cause: error });
  }
}

/** What `JSON.parse` alone would lose: long integers, and a `null` in place of a double. */
const DELICATE = /:\s*-?\d{16}|"doubleValue"\s*:\s*null/;

/** Long integers keep their digits. `null` in place of a double is an error, as in the Collector. */
function exactly(this: unknown, key: string, value: unknown, context?: { source?: string }): unknown {
  if (key === 'doubleValue' && value === null) throw new SyntaxError('doubleValue: null');
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined) return value;
  return Number.isSafeInteger(value) || !/^-?\d+$/.test(source) ? value : source;
}

/** What records of one scope share. Its bytes are a request without records. */
interface Origin extends Pick<ReceivedRecord, 'resource' | 'scope' | 'bytes'> {}

function originOf(resourceLogs: ResourceLogs, scopeLogs: ScopeLogs): Origin {
  const empty = { ...resourceLogs, scopeLogs: [{ ...scopeLogs, logRecords: [] }] };
  return {
    resource: plainMap(resourceLogs.resource?.attributes ?? []),
    scope: {
      name: scopeLogs.scope?.name ?? '',
      version: scopeLogs.scope?.version ?? '',
      attributes: plainMap(scopeLogs.scope?.attributes ?? []),
    },
    bytes: toBinary(exportRequest, create(exportRequest, { resourceLogs: [empty] })),
  };
}

function received(origin: Origin, record: LogRecordMessage): ReceivedRecord {
  const attributes = plainMap(record.attributes);
  const uid = attributes['log.record.uid'];
  return {
    ...origin,
    record: {
      timeUnixNano: record.timeUnixNano,
      observedTimeUnixNano: record.observedTimeUnixNano,
      severityNumber: record.severityNumber,
      severityText: record.severityText,
      eventName: record.eventName,
      body: plain(record.body),
      attributes,
      droppedAttributesCount: record.droppedAttributesCount,
    },
    uid: typeof uid === 'string' ? uid : '',
    bytes: Buffer.concat([origin.bytes, toBinary(logRecord, record)]),
  };
}

function plain(any: AnyValue | undefined): Plain {
  const value = any?.value;
  if (value?.case === undefined) return null;
  if (value.case === 'arrayValue') return value.value.values.map(plain);
  if (value.case === 'kvlistValue') return plainMap(value.value.values);
  if (value.case !== 'intValue') return value.value;
  return Number.isSafeInteger(Number(value.value)) ? Number(value.value) : value.value;
}

function plainMap(members: readonly KeyValue[]): Readonly<Record<string, Plain>> {
  return Object.fromEntries(members.map(({ key, value }) => [key, plain(value)]));
}
