import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import type { Answering, ReceiverAnswer } from '../../src/simulators/otlp-receiver.ts';

/** Why a document is not taken; undefined when it is. */
type Refusing = (record: ReceivedRecord) => Refusal | undefined;

interface Refusal {
  /** As Elasticsearch spells it: `BAD_REQUEST`. */
  readonly status: string;
  readonly words: string;
}

/**
 * Answers as Elasticsearch's own OTLP endpoint does (`/_otlp/v1/logs`): protobuf alone is taken; a document whose
 * `elasticsearch.document_id` its data stream has already is a conflict; failures are a partial success that tells them
 * by index and status, with one message each; a single 429 makes the whole answer one.
 */
export function elasticsearchOtlp(refusing: Refusing = () => undefined): Answering {
  const held = new Set<string>();
  return ({ encoding, records }) => {
    if (encoding === 'json') {
      return elasticsearchError(
        406,
        'media_type_header_exception',
        'Content-Type header [application/json] is not supported',
      );
    }
    const failures = records.map((record) => refusing(record) ?? conflict(record, held));
    const taken = (_: ReceivedRecord, index: number) => failures[index] === undefined;
    for (const record of records.filter(taken)) held.add(keyOf(record));
    if (failures.every((failure) => failure === undefined)) return { status: 200, body: '' };
    const words = message(records, failures);
    if (failures.some((failure) => failure?.status === 'TOO_MANY_REQUESTS')) {
      return { ...elasticsearchError(429, 'status_exception', words), take: taken };
    }
    const rejected = failures.filter((failure) => failure !== undefined).length;
    return { status: 200, partialSuccess: { rejected, words }, take: taken };
  };
}

/** A document that does not fit its mapping, in Elasticsearch's words, which name it. */
export function mappingConflict({ uid }: ReceivedRecord, field: string): Refusal {
  const words = `org.elasticsearch.index.mapper.DocumentParsingException: [1:120] failed to parse field [${field}] of type [long] in document with id '${uid}'. Preview of field's value: 'many'`;
  return { status: 'BAD_REQUEST', words };
}

/** What Elasticsearch answers when it refuses a request as a whole. */
export function elasticsearchError(status: number, type: string, reason: string): ReceiverAnswer {
  const cause = { type, reason };
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ error: { root_cause: [cause], ...cause }, status }),
  };
}

function conflict(record: ReceivedRecord, held: ReadonlySet<string>): Refusal | undefined {
  const key = keyOf(record);
  if (key === '' || !held.has(key)) return undefined;
  const words = `[${record.uid}]: version conflict, document already exists (current version [1])`;
  return { status: 'CONFLICT', words };
}

/** A document by its data stream and id; one without an id is never there already. */
function keyOf(record: ReceivedRecord): string {
  const id = attribute(record, 'elasticsearch.document_id', '');
  return id === '' ? '' : `${dataStream(record)} ${id}`;
}

function dataStream(record: ReceivedRecord): string {
  const dataset = attribute(record, 'data_stream.dataset', 'generic');
  return `logs-${dataset}-${attribute(record, 'data_stream.namespace', 'default')}`;
}

function attribute({ record }: ReceivedRecord, name: string, otherwise: string): string {
  const value = record.attributes[name];
  return typeof value === 'string' ? value : otherwise;
}

/** One line for each index and status. */
function message(records: readonly ReceivedRecord[], failures: readonly (Refusal | undefined)[]): string {
  const groups = new Map<string, Refusal[]>();
  for (const [index, record] of records.entries()) {
    const failure = failures[index];
    if (failure === undefined) continue;
    const group = `Index [${dataStream(record)}] returned status [${failure.status}]`;
    groups.set(group, [...(groups.get(group) ?? []), failure]);
  }
  return [...groups]
    .map(([group, all]) => `${group} for ${all.length} documents. Sample error message: ${all[0]?.words}\n`)
    .join('');
}
