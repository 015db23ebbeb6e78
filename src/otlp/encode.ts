import type { EcsEvent, EncodedRecords, FieldTable, JournaledEvent } from '../core/event.ts';
import { AttributeWriter } from './attributes.ts';
import { LOG_RECORD, RECORD, VALUE } from './layout.ts';
import { ProtobufWriter } from './protobuf.ts';
import { LastTime, otlpTimeOf, otlpTimeOfMillis, writeTime } from './time.ts';
import { textOf } from './values.ts';

/** One buffer for all encoders, because encoding never waits. */
const writer = new ProtobufWriter();

/**
 * Encodes events as OTLP log records, as `layout.ts` says. A pure function of the events and the types of their fields,
 * and for any event equal, field for field, to what the official serializer makes of the same record, except that a
 * whole number of a `double` field is a double.
 */
export class RecordEncoder {
  readonly #attributes: AttributeWriter;
  readonly #dataset: string;
  /** `event.created` is one time for all events of a page. */
  readonly #observed = new LastTime();

  /** `fields`: the types of the fields that ECS does not define. `dataset`: of events that name none. */
  constructor(fields: FieldTable, dataset = 'penstock') {
    this.#attributes = new AttributeWriter(fields, writer);
    this.#dataset = dataset;
  }

  /** Encodes events in their order; consecutive events of one dataset are together. `observedAt`: epoch ms. */
  encode(events: Iterable<JournaledEvent>, observedAt: number): readonly EncodedRecords[] {
    // Nothing is left of a page whose encoding failed.
    writer.length = 0;
    const runs: EncodedRecords[] = [];
    let [dataset, count] = ['', 0];
    const end = () => {
      if (count > 0) runs.push({ dataset, count, bytes: writer.take() });
      count = 0;
    };
    for (const event of events) {
      const own = this.#datasetOf(event.event);
      if (own !== dataset) end();
      dataset = own;
      this.#record(event, observedAt);
      count += 1;
    }
    end();
    return runs;
  }

  #datasetOf(event: EcsEvent): string {
    const own = event['event.dataset'];
    return typeof own === 'string' && own !== '' ? own : this.#dataset;
  }

  /** What cannot be encoded as it is must not hold back its page, so its record takes a second way. */
  #record({ uid, event }: JournaledEvent, observedAt: number): void {
    const start = writer.length;
    try {
      this.#write(uid, event, observedAt);
    } catch {
      writer.length = start;
      this.#write(uid, this.#encodable(event), observedAt);
    }
  }

  #write(uid: string, given: EcsEvent, observedAt: number): void {
    const own = otlpTimeOf(given['@timestamp']);
    const event = own?.exact === true ? given : withTimeInWords(given);
    const observed = this.#observed.of(event['event.created'])?.time ?? otlpTimeOfMillis(observedAt);
    writer.byte(LOG_RECORD);
    const record = writer.open(2);
    writer.byte(RECORD.time);
    writeTime(writer, own?.time ?? observed);
    writer.byte(RECORD.observedTime);
    writeTime(writer, observed);
    writer.raw(event['event.kind'] === 'alert' ? WARN : INFO);
    writeBody(sentence(event));
    this.#attributes.write(uid, event);
    writer.close(record, 2);
  }

  /** The event with names that have a form in UTF-8; a `pipeline_error` without the values that cannot be encoded. */
  #encodable(event: EcsEvent): EcsEvent {
    const fields = Object.entries(event).map(([name, value]) => [name.toWellFormed(), value] as const);
    const problems = fields.map(([name, value]) => this.#attributes.problemOf(name, value));
    const problem = problems.find((one) => one !== undefined);
    const encodable = Object.fromEntries(fields.filter((_, index) => problems[index] === undefined));
    if (problem === undefined) return encodable;
    const inWords = `the event could not be encoded: ${problem}`;
    return { ...encodable, 'event.kind': 'pipeline_error', 'error.message': inWords };
  }
}

/** INFO, and WARN for alerts, by their numbers in OTLP. A vendor's own severity is in `event.severity`; it is not a log level. */
const INFO = severity(9, 'INFO');
const WARN = severity(13, 'WARN');

function severity(number: number, text: string): Uint8Array {
  writer.byte(RECORD.severityNumber);
  writer.varint(number);
  writer.byte(RECORD.severityText);
  writer.text(text);
  return writer.take();
}

function writeBody(text: string): void {
  writer.byte(RECORD.body);
  const body = writer.open(1);
  writer.byte(VALUE.string);
  writer.text(text);
  writer.close(body, 1);
}

/** Never empty, because Splunk drops a record without a body. */
function sentence({ message, 'event.action': action, 'event.dataset': dataset }: EcsEvent): string {
  const text = textOf(message);
  if (text !== '') return text;
  if (typeof action === 'string' && action !== '') return action;
  return typeof dataset === 'string' && dataset !== '' ? dataset : 'event';
}

/** The event, saying so where its own time cannot be that of its record, so that no profile loses it. */
function withTimeInWords(event: EcsEvent): EcsEvent {
  const time = textOf(event['@timestamp']);
  if (time === '') return event;
  const leftOut = `Left out, since it does not fit: @timestamp ${time}`;
  const problem = textOf(event['error.message']);
  return { ...event, 'error.message': problem === '' ? leftOut : `${problem}. ${leftOut}` };
}
