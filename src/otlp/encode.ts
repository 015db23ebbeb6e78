import { SeverityNumber } from '@opentelemetry/api';
import { explain } from '../core/errors.ts';
import type { EcsEvent, EncodedRecords, FieldTable, JournaledEvent } from '../core/event.ts';
import { AttributeWriter } from './attributes.ts';
import { LOG_RECORD, RECORD, UID, VALUE } from './layout.ts';
import { ProtobufWriter } from './protobuf.ts';
import { otlpTimeOf, otlpTimeOfMillis, writeTime } from './time.ts';
import { textOf, withSafeNames } from './values.ts';

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

  /** `fields`: the types of the fields that ECS does not define. `dataset`: of events that name none. */
  constructor(fields: FieldTable, dataset = 'penstock') {
    this.#attributes = new AttributeWriter(fields);
    this.#dataset = dataset;
  }

  /** Encodes events in their order; consecutive events of one dataset are together. `observedAt`: epoch ms. */
  encode(events: readonly JournaledEvent[], observedAt: number): readonly EncodedRecords[] {
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

  /** One record that cannot be encoded must not hold back its page, so it is sent without the values that it fails on. */
  #record({ uid, event }: JournaledEvent, observedAt: number): void {
    const start = writer.length;
    try {
      this.#write(uid, event, observedAt);
    } catch (error) {
      writer.length = start;
      this.#write(uid, this.#withoutUnfit(event, error), observedAt);
    }
  }

  #write(uid: string, unchecked: EcsEvent, observedAt: number): void {
    const event = withTimeInWords(withSafeNames(unchecked));
    const observed = otlpTimeOf(event['event.created'])?.time ?? otlpTimeOfMillis(observedAt);
    writer.byte(LOG_RECORD);
    const record = writer.open(2);
    writer.byte(RECORD.time);
    writeTime(writer, otlpTimeOf(event['@timestamp'])?.time ?? observed);
    writer.byte(RECORD.observedTime);
    writeTime(writer, observed);
    writer.raw(event['event.kind'] === 'alert' ? WARN : INFO);
    writeBody(sentence(event));
    this.#attributes.write(writer, UID, uid);
    for (const name of Object.keys(event))
      if (!ELSEWHERE.has(name)) this.#attributes.write(writer, name, event[name]);
    writer.close(record, 2);
  }

  /** The event as a `pipeline_error` without the values that cannot be encoded. */
  #withoutUnfit(event: EcsEvent, error: unknown): EcsEvent {
    const fits = Object.entries(event).filter(([name, value]) => this.#attributes.fits(name, value));
    const problem = `the event could not be encoded: ${explain(error)}`;
    return { ...Object.fromEntries(fits), 'event.kind': 'pipeline_error', 'error.message': problem };
  }
}

/** Fields that a record carries in places of their own. */
const ELSEWHERE: ReadonlySet<string> = new Set(['@timestamp', 'message', UID]);

/** INFO, and WARN for alerts. A vendor's own severity is in `event.severity`; it is not a log level. */
const INFO = severity(SeverityNumber.INFO, 'INFO');
const WARN = severity(SeverityNumber.WARN, 'WARN');

function severity(number: SeverityNumber, text: string): Uint8Array {
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
function sentence(event: EcsEvent): string {
  const { message, 'event.action': action, 'event.dataset': dataset } = event;
  return (
    [textOf(message), action, dataset].find((one) => typeof one === 'string' && one !== '')?.toString() ??
    'event'
  );
}

/** The event, saying so where its own time cannot be that of its record, so that no profile loses it. */
function withTimeInWords(event: EcsEvent): EcsEvent {
  const time = textOf(event['@timestamp']);
  if (time === '' || otlpTimeOf(time)?.exact === true) return event;
  const leftOut = `Left out, since it does not fit: @timestamp ${time}`;
  const problem = textOf(event['error.message']);
  return { ...event, 'error.message': problem === '' ? leftOut : `${problem}. ${leftOut}` };
}
