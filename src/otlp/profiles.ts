import type { DestinationConfig } from '../config/types.ts';
import { PAIR, RECORD, SEVERITY, TIMES, UID, VALUE } from './layout.ts';
import { nestedJson, writeNested } from './nested-body.ts';
import { ProtobufWriter } from './protobuf.ts';
import { readDocument, uidValue } from './stored-record.ts';

/** Where a store puts a record. */
export interface Routing {
  readonly dataset: string;
  /** `data_stream.namespace` */
  readonly namespace: string;
}

/** The shape of the records that a destination gets. */
export interface Profile {
  /** Attributes of the instrumentation scope, where the Elasticsearch exporter reads its mapping mode. */
  readonly scope: Readonly<Record<string, string>>;
  /**
   * A stored LogRecord (`layout.ts`) as it is sent. A pure function of what is journaled and configured, so that a repeat
   * after a restart or an upgrade is byte for byte the same. `routing` is called where the shape has it.
   */
  shape(stored: Uint8Array, routing: () => Routing): Uint8Array;
}

export const PROFILES: Readonly<Record<DestinationConfig['profile'], Profile>> = {
  attributes: { scope: {}, shape: (stored) => stored },
  'elastic-ecs': { scope: { 'elastic.mapping.mode': 'ecs' }, shape: elasticEcs },
  'elastic-bodymap': { scope: { 'elastic.mapping.mode': 'bodymap' }, shape: elasticBodymap },
  'json-body': { scope: {}, shape: jsonBody },
};

/** One buffer for all records, because shaping never waits. What is written begins empty: a record before it may have failed. */
const writer = new ProtobufWriter();

/** Begins a record with bytes of the stored one. */
function begin(bytes: Uint8Array): void {
  writer.length = 0;
  writer.raw(bytes);
}

/** Severity is left out, because the receiver would write it over `event.severity` and `log.level`. */
function elasticEcs(stored: Uint8Array, routing: () => Routing): Uint8Array {
  const uid = uidValue(stored);
  const stream = dataStream(routing());
  begin(stored.subarray(0, TIMES));
  writer.raw(stored.subarray(TIMES + SEVERITY));
  // Of an attribute that is there twice, the receiver keeps the last.
  writeIdentity(stream, uid);
  return writer.take();
}

/** Values are moved as they are stored, so that a double stays a double. */
function elasticBodymap(stored: Uint8Array, routing: () => Routing): Uint8Array {
  const { names, values, uid } = readDocument(stored);
  const stream = dataStream(routing());
  for (const [name, value] of stream) {
    names.push(name);
    values.push(value);
  }
  begin(stored.subarray(0, TIMES + SEVERITY));
  writer.byte(RECORD.body);
  const body = writer.open(2);
  writeNested(writer, names, values);
  writer.close(body, 2);
  writeAttribute(UID, uid);
  writeIdentity(stream, uid);
  return writer.take();
}

/** What a receiver that gets the whole event as text can still search by. */
const INDEXED = new Set(['event.kind', 'event.category', 'event.type', 'event.action', 'event.dataset']);

function jsonBody(stored: Uint8Array): Uint8Array {
  const { names, values, uid } = readDocument(stored);
  const text = nestedJson(names, values);
  begin(stored.subarray(0, TIMES + SEVERITY));
  writer.byte(RECORD.body);
  const body = writer.open(2);
  writer.byte(VALUE.string);
  writer.text(text);
  writer.close(body, 2);
  writeAttribute(UID, uid);
  names.forEach((name, index) => {
    const value = values[index];
    if (value !== undefined && INDEXED.has(name)) writeAttribute(name, value);
  });
  return writer.take();
}

function writeIdentity(stream: Fields, uid: Uint8Array): void {
  for (const [name, value] of stream) writeAttribute(name, value);
  writeAttribute('elasticsearch.document_id', uid);
}

/** `value`: the content of its AnyValue. */
function writeAttribute(name: string, value: Uint8Array): void {
  writer.byte(RECORD.attribute);
  const pair = writer.open(1);
  writer.byte(PAIR.key);
  writer.text(name);
  writer.byte(PAIR.value);
  writer.varint(value.length);
  writer.raw(value);
  writer.close(pair, 1);
}

type Fields = readonly (readonly [name: string, value: Uint8Array])[];

const streams = new Map<string, Fields>();

/** Beyond so many data streams, all are encoded anew. */
const MOST_STREAMS = 1_000;

/** The fields that name the data stream `logs-<dataset>-<namespace>`. */
function dataStream({ dataset, namespace }: Routing): Fields {
  const key = `${namespace} ${dataset}`;
  const known = streams.get(key);
  if (known !== undefined) return known;
  const made = [
    ['data_stream.type', stringValue('logs')],
    ['data_stream.dataset', stringValue(dataset)],
    ['data_stream.namespace', stringValue(namespace)],
  ] as const;
  if (streams.size >= MOST_STREAMS) streams.clear();
  streams.set(key, made);
  return made;
}

/** The content of an AnyValue that is a string. */
function stringValue(text: string): Uint8Array {
  writer.length = 0;
  writer.byte(VALUE.string);
  writer.text(text);
  return writer.take();
}
