import { create, createFileRegistry, type Message } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

/**
 * The messages of OTLP logs, as far as a receiver reads them (opentelemetry-proto: logs.proto, logs_service.proto,
 * common.proto, resource.proto; google/rpc/status.proto), written as data, since generated code would be many times
 * as long. Trace and span ids are left out: their JSON is hex, against protobuf's own rule.
 */
export interface ExportRequest extends Message {
  readonly resourceLogs: readonly ResourceLogs[];
}

export interface ResourceLogs extends Message {
  readonly resource?: ResourceMessage;
  readonly scopeLogs: readonly ScopeLogs[];
  readonly schemaUrl: string;
}

export interface ScopeLogs extends Message {
  readonly scope?: ScopeMessage;
  readonly logRecords: readonly LogRecordMessage[];
  readonly schemaUrl: string;
}

interface ResourceMessage extends Message {
  readonly attributes: readonly KeyValue[];
}

interface ScopeMessage extends Message {
  readonly name: string;
  readonly version: string;
  readonly attributes: readonly KeyValue[];
}

export interface LogRecordMessage extends Message {
  readonly timeUnixNano: bigint;
  readonly observedTimeUnixNano: bigint;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly eventName: string;
  readonly body?: AnyValue;
  readonly attributes: readonly KeyValue[];
  readonly droppedAttributesCount: number;
}

export interface KeyValue extends Message {
  readonly key: string;
  readonly value?: AnyValue;
}

export interface AnyValue extends Message {
  readonly value:
    | { readonly case: 'stringValue'; readonly value: string }
    | { readonly case: 'boolValue'; readonly value: boolean }
    | { readonly case: 'intValue'; readonly value: bigint }
    | { readonly case: 'doubleValue'; readonly value: number }
    | { readonly case: 'arrayValue'; readonly value: { readonly values: readonly AnyValue[] } }
    | { readonly case: 'kvlistValue'; readonly value: { readonly values: readonly KeyValue[] } }
    | { readonly case: 'bytesValue'; readonly value: Uint8Array }
    | { readonly case: undefined };
}

export interface ExportResponse extends Message {
  readonly partialSuccess?: { readonly rejectedLogRecords: bigint; readonly errorMessage: string };
}

export interface StatusMessage extends Message {
  readonly code: number;
  readonly message: string;
}

/** Field's JSON name → number and type: a scalar's, or a message's name. `[]` is repeated, `?` a member of the oneof `value`. */
type Fields = Readonly<Record<string, readonly [number, string]>>;

const MESSAGES: Readonly<Record<string, Fields>> = {
  ExportLogsServiceRequest: { resourceLogs: [1, 'ResourceLogs[]'] },
  ResourceLogs: { resource: [1, 'Resource'], scopeLogs: [2, 'ScopeLogs[]'], schemaUrl: [3, 'STRING'] },
  ScopeLogs: {
    scope: [1, 'InstrumentationScope'],
    logRecords: [2, 'LogRecord[]'],
    schemaUrl: [3, 'STRING'],
  },
  Resource: { attributes: [1, 'KeyValue[]'], droppedAttributesCount: [2, 'UINT32'] },
  InstrumentationScope: {
    name: [1, 'STRING'],
    version: [2, 'STRING'],
    attributes: [3, 'KeyValue[]'],
    droppedAttributesCount: [4, 'UINT32'],
  },
  LogRecord: {
    timeUnixNano: [1, 'FIXED64'],
    severityNumber: [2, 'INT32'],
    severityText: [3, 'STRING'],
    body: [5, 'AnyValue'],
    attributes: [6, 'KeyValue[]'],
    droppedAttributesCount: [7, 'UINT32'],
    flags: [8, 'FIXED32'],
    observedTimeUnixNano: [11, 'FIXED64'],
    eventName: [12, 'STRING'],
  },
  KeyValue: { key: [1, 'STRING'], value: [2, 'AnyValue'] },
  AnyValue: {
    stringValue: [1, 'STRING?'],
    boolValue: [2, 'BOOL?'],
    intValue: [3, 'INT64?'],
    doubleValue: [4, 'DOUBLE?'],
    arrayValue: [5, 'ArrayValue?'],
    kvlistValue: [6, 'KeyValueList?'],
    bytesValue: [7, 'BYTES?'],
  },
  ArrayValue: { values: [1, 'AnyValue[]'] },
  KeyValueList: { values: [1, 'KeyValue[]'] },
  ExportLogsServiceResponse: { partialSuccess: [1, 'ExportLogsPartialSuccess'] },
  ExportLogsPartialSuccess: { rejectedLogRecords: [1, 'INT64'], errorMessage: [2, 'STRING'] },
  Status: { code: [1, 'INT32'], message: [2, 'STRING'] },
};

const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: [
      create(FileDescriptorProtoSchema, {
        name: 'logs.proto',
        package: 'otlp',
        syntax: 'proto3',
        messageType: Object.entries(MESSAGES).map(([name, fields]) => ({
          name,
          field: Object.entries(fields).map(([field, [number, type]]) => describe(field, number, type)),
          oneofDecl: Object.values(fields).some(([, type]) => type.endsWith('?')) ? [{ name: 'value' }] : [],
        })),
      }),
    ],
  }),
);

function describe(name: string, number: number, written: string) {
  const [, type = '', mark] = /^(\w+)(\[\]|\?)?$/.exec(written) ?? [];
  const scalar = Type[type as keyof typeof Type];
  return {
    name,
    jsonName: name,
    number,
    label: mark === '[]' ? Label.REPEATED : Label.OPTIONAL,
    ...(scalar === undefined ? { type: Type.MESSAGE, typeName: `.otlp.${type}` } : { type: scalar }),
    ...(mark === '?' && { oneofIndex: 0 }),
  };
}

function schema<T extends Message>(name: string): GenMessage<T> {
  const found = registry.getMessage(`otlp.${name}`);
  if (found === undefined) throw new Error(`No OTLP message is called ${name}.`);
  return found as GenMessage<T>;
}

export const exportRequest = schema<ExportRequest>('ExportLogsServiceRequest');
export const logRecord = schema<LogRecordMessage>('LogRecord');
export const exportResponse = schema<ExportResponse>('ExportLogsServiceResponse');
export const status = schema<StatusMessage>('Status');
