import { fromBinary, type JsonObject, toJson, toJsonString } from '@bufbuild/protobuf';
import { type AnyValue, type HrTime, SeverityNumber } from '@opentelemetry/api';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { emptyResource } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { FieldType, JournaledEvent } from '../../../src/core/event.ts';
import { toJson as jsonText } from '../../../src/core/json.ts';
import { exportRequest, logRecord } from '../../../src/simulators/otlp-receiver-schema.ts';

/** A LogRecord in protobuf as JSON that shows every field, in order. JSON has one zero. */
export function fieldsOf(record: Uint8Array): JsonObject {
  return JSON.parse(toJsonString(logRecord, fromBinary(logRecord, record))) as JsonObject;
}

/**
 * What the official serializer makes of an event, field for field. The rules of the record are written here once more,
 * plainly, and a whole number of a `double` field is turned into a double, which the official serializer does not do.
 */
export function officialFieldsOf(
  journaled: JournaledEvent,
  observedAt: number,
  types: Readonly<Record<string, FieldType>>,
): JsonObject {
  const bytes = ProtobufLogsSerializer.serializeRequest([referenceRecord(journaled, observedAt, types)]);
  const request = fromBinary(exportRequest, bytes ?? new Uint8Array());
  const [record] = request.resourceLogs[0]?.scopeLogs[0]?.logRecords ?? [];
  if (record === undefined) throw new Error('The official serializer made no record.');
  const { attributes, ...rest } = toJson(logRecord, record) as { attributes: Pair[] };
  for (const { key, value } of attributes) if (types[key] === 'double') toDoubles(value);
  // An object has names that are numbers before all others, so the uid may be anywhere.
  return { ...rest, attributes: attributes.toSorted((a, b) => Number(isUid(b)) - Number(isUid(a))) };
}

interface Pair extends JsonObject {
  readonly key: string;
  readonly value: JsonObject;
}

function isUid({ key }: Pair): boolean {
  return key === 'log.record.uid';
}

function toDoubles(value: JsonObject): void {
  const array = value['arrayValue'] as { values: JsonObject[] } | undefined;
  for (const element of array?.values ?? []) toDoubles(element);
  if (value['intValue'] === undefined) return;
  value['doubleValue'] = Number(value['intValue']);
  delete value['intValue'];
}

/** The record of an event as the SDK would hold it. */
function referenceRecord(
  { uid, event: given }: JournaledEvent,
  observedAt: number,
  types: Readonly<Record<string, FieldType>>,
): ReadableLogRecord {
  const named = Object.entries<unknown>(given).filter(([name]) => name !== '');
  const event = Object.fromEntries(named.map(([name, value]) => [name.toWellFormed(), value]));
  const time = timeOf(event['@timestamp']);
  const [timestamp, problem] = [inWords(event['@timestamp']), inWords(event['error.message'])];
  if (timestamp !== '' && time?.fits !== true) {
    const leftOut = `Left out, since it does not fit: @timestamp ${timestamp}`;
    event['error.message'] = problem === '' ? leftOut : `${problem}. ${leftOut}`;
  }
  const observed = timeOf(event['event.created'])?.hrTime ?? hrTime(BigInt(observedAt) * 1_000_000n);
  const { '@timestamp': _, message: ___, 'log.record.uid': __, ...rest } = event;
  const attributes = Object.entries(rest)
    .map(([name, value]) => [name, wellFormed(safe(value, types[name] === 'double'))] as const)
    .filter(([, value]) => value !== undefined);
  const alert = event['event.kind'] === 'alert';
  return {
    hrTime: time?.hrTime ?? observed,
    hrTimeObserved: observed,
    severityNumber: alert ? SeverityNumber.WARN : SeverityNumber.INFO,
    severityText: alert ? 'WARN' : 'INFO',
    body: body(event),
    attributes: { 'log.record.uid': uid, ...Object.fromEntries(attributes) },
    droppedAttributesCount: 0,
    resource: emptyResource(),
    instrumentationScope: { name: 'penstock' },
  };
}

function body(event: Readonly<Record<string, unknown>>): string {
  const texts = [inWords(event['message']), event['event.action'], event['event.dataset'], 'event'];
  return (texts.find((text) => typeof text === 'string' && text !== '') as string).toWellFormed();
}

function inWords(value: unknown): string {
  const one = safe(value, false) ?? '';
  return typeof one === 'string' ? one : jsonText(one);
}

/** In nanoseconds since the epoch; beyond what OTLP can express, the first or last second. */
function timeOf(text: unknown): { hrTime: HrTime; fits: boolean } | undefined {
  if (typeof text !== 'string') return undefined;
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const millis = parts === null ? Number.NaN : Date.parse(`${parts[1]}${parts[3]}`);
  if (Number.isNaN(millis)) return undefined;
  const nanos = BigInt(millis) * 1_000_000n + BigInt((parts?.[2] ?? '').padEnd(9, '0').slice(0, 9));
  const last = 18_446_744_073_000_000_000n;
  if (nanos < 0n) return { hrTime: hrTime(0n), fits: false };
  return nanos < last ? { hrTime: hrTime(nanos), fits: true } : { hrTime: hrTime(last), fits: false };
}

function hrTime(nanos: bigint): HrTime {
  return [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
}

/** A lone surrogate has no form in UTF-8. */
function wellFormed(value: AnyValue): AnyValue {
  if (Array.isArray(value)) return value.map(wellFormed);
  return typeof value === 'string' ? value.toWellFormed() : value;
}

/** What a record holds of a value; undefined: nothing. */
function safe(value: unknown, double: boolean): AnyValue {
  if (!Array.isArray(value)) return safeScalar(value, double);
  const elements = value.map((element) => safeScalar(element, double)).filter((one) => one !== undefined);
  if (elements.length === 0) return undefined;
  const types = new Set(elements.map((element) => typeof element));
  return types.size === 1 ? elements : elements.map(String);
}

function safeScalar(value: unknown, double: boolean): string | number | boolean | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return undefined;
    return Math.abs(value) < 2 ** 63 || double ? value : BigInt(value).toString();
  }
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Date ? value.toISOString() : jsonText(value);
}
