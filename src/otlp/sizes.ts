import type { LogRecord } from '@opentelemetry/api';
import type { DestinationConfig } from '../config/types.ts';
import { jsonSize } from './json-size.ts';
import { protobufSize } from './protobuf-size.ts';

export type Encoding = DestinationConfig['protocol'];

/**
 * Bytes that a record adds to an export request before compression: exact, or a few more. Counted rather than
 * serialised, because the exporter serialises whatever it sends once more. Strings must be well-formed.
 */
export function recordSize(record: LogRecord, encoding: Encoding): number {
  return encoding === 'http/json' ? jsonSize(record) : protobufSize(record);
}
