import { ProtobufReader } from './protobuf.ts';

/** An ExportLogsServiceResponse (opentelemetry-proto, collector/logs/v1/logs_service.proto), as its JSON encoding names it. */
export interface ExportResponse {
  partialSuccess?: PartialSuccess;
}

export interface PartialSuccess {
  rejectedLogRecords?: number;
  errorMessage?: string;
}

const PARTIAL_SUCCESS = 0x0a;
const REJECTED = 0x08;
const MESSAGE = 0x12;

/**
 * Reads an ExportLogsServiceResponse in protobuf.
 * @throws RangeError when the bytes are not protobuf
 */
export function readExportResponse(bytes: Uint8Array): ExportResponse {
  const response: ExportResponse = {};
  readFields(bytes, (reader, tag) => {
    if (tag !== PARTIAL_SUCCESS) return reader.skip(tag);
    const end = reader.open();
    response.partialSuccess = readPartialSuccess(reader.bytes.subarray(reader.at, end));
    reader.at = end;
  });
  return response;
}

/**
 * Reads an ExportLogsPartialSuccess in protobuf, or a `google.rpc.Status`, whose fields 1 and 2 are a number and a string
 * too.
 * @throws RangeError when the bytes are not protobuf
 */
export function readPartialSuccess(bytes: Uint8Array): PartialSuccess {
  const partial: PartialSuccess = {};
  readFields(bytes, (reader, tag) => {
    if (tag === REJECTED) partial.rejectedLogRecords = reader.varint();
    else if (tag === MESSAGE) partial.errorMessage = reader.text();
    else reader.skip(tag);
  });
  return partial;
}

function readFields(bytes: Uint8Array, read: (reader: ProtobufReader, tag: number) => void): void {
  const reader = new ProtobufReader(bytes);
  while (reader.at < bytes.length) read(reader, reader.varint());
  if (reader.at > bytes.length) throw new RangeError('A field is longer than its message.');
}
