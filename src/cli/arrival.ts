import { nest, type EcsEvent } from '../core/event.ts';
import { isoTime } from '../ecs/time.ts';
import { toJson } from '../core/json.ts';
import { printable } from '../core/text.ts';
import type { ReceivedRecord } from '../simulators/otlp-receiver-decode.ts';
import { jsonLine, type Output } from './io.ts';

/** What every event has in common: a reader of the terminal has seen it once. */
const COMMON = /^(ecs\.|event\.(created|module|kind|category|type|id)|observer\.|related\.|log\.record\.uid)/;

/** Prints a record as the receiver took it, with its ECS names, for a terminal. */
export function printArrival(output: Output, received: ReceivedRecord): void {
  const { '@timestamp': time, message, 'event.dataset': dataset, ...rest } = eventOf(received);
  const fields = Object.entries(rest).filter(([name]) => !COMMON.test(name));
  output.write(`\u001b[1m${shown(time)} ${shown(dataset)}\u001b[0m  ${shown(message)}\n`);
  for (const [name, value] of fields) output.write(`    ${printable(name)}: ${shown(value)}\n`);
}

/** What tells one event from another at first sight. */
const TELLING =
  /^(event\.outcome|event\.start|user\.name|source\.(ip|geo\.country_iso_code)|organization\.name|rule\.name|url\.path)$/;

/** Prints it in two lines: time, dataset and message, and some of its ECS fields. */
export function printBriefly(output: Output, received: ReceivedRecord): void {
  const { '@timestamp': time, message, 'event.dataset': dataset, ...rest } = eventOf(received);
  const fields = Object.entries(rest)
    .filter(([name]) => TELLING.test(name))
    .map(([name, value]) => `${printable(name)}: ${shown(value)}`);
  output.write(`${shown(time)} ${shown(dataset)}  ${shown(message)}\n    ${fields.join(' · ')}\n`);
}

/** Prints it as a nested document, one a line. */
export function printJson(output: Output, received: ReceivedRecord): void {
  jsonLine(output, nest(eventOf(received)));
}

function eventOf({ record, uid }: ReceivedRecord): EcsEvent {
  return {
    '@timestamp': isoTime(Number(record.timeUnixNano / 1_000_000n)),
    ...(record.attributes as EcsEvent),
    message: textOf(record.body),
    'log.record.uid': uid,
  };
}

/** A field's value as text. */
export function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return typeof value === 'string' ? value : toJson(value ?? '');
}

/** As a terminal may show it. */
function shown(value: unknown): string {
  return printable(textOf(value));
}
