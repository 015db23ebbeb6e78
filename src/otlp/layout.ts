/**
 * How a stored LogRecord is laid out (opentelemetry-proto, logs/v1/logs.proto and common/v1/common.proto): its two times,
 * its severity, its body, then its attributes, `log.record.uid` first. Delivery relies on the places of the first two.
 */

/** Bytes of `time_unix_nano` and `observed_time_unix_nano` with their tags, at the beginning of each record. */
export const TIMES = 18;

/** Bytes of `severity_number` and `severity_text` with their tags, after the times: both texts have four characters. */
export const SEVERITY = 8;

/** The tag of `ScopeLogs.log_records`, before the length of each record. */
export const LOG_RECORD = 0x12;

/** Tags of the fields of a LogRecord. */
export const RECORD = {
  time: 0x09,
  observedTime: 0x59,
  severityNumber: 0x10,
  severityText: 0x1a,
  body: 0x2a,
  attribute: 0x32,
} as const;

/** Tags of the fields of a KeyValue. */
export const PAIR = { key: 0x0a, value: 0x12 } as const;

/** Tags of the members of an AnyValue, and of the elements of its array or list of pairs. */
export const VALUE = {
  string: 0x0a,
  bool: 0x10,
  int: 0x18,
  double: 0x21,
  array: 0x2a,
  pairs: 0x32,
  element: 0x0a,
} as const;

/** The attribute that identifies a record; always the first one. */
export const UID = 'log.record.uid';
