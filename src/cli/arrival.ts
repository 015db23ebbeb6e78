import { nest, type EcsEvent } from '../ecs/event.ts';
import { isoTime } from '../ecs/time.ts';
import { toJson } from '../json.ts';
import type { ReceivedRecord } from '../simulators/otlp-receiver-decode.ts';
import { jsonLine, type Output } from './io.ts';

/** What every event has in common: a reader of the terminal has seen it once. */
const COMMON = /^(ecs\.|event\.(created|module|kind|category|type|id)|observer\.|related\.|log\.record\.uid)/;

/** Prints a record as the receiver took it: with its ECS names on a terminal, else as a nested document, one a line. */
export function printArrival(output: Output, { record, uid }: ReceivedRecord): void {
  const event: EcsEvent = {
    '@timestamp': isoTime(Number(record.timeUnixNano / 1_000_000n)),
    ...(record.attributes as EcsEvent),
    message: textOf(record.body),
    'log.record.uid': uid,
  };
  if (output.isTTY !== true) {
    jsonLine(output, nest(event));
    return;
  }
  const { '@timestamp': time, message, 'event.dataset': dataset, ...rest } = event;
  const fields = Object.entries(rest).filter(([name]) => !COMMON.test(name));
  output.write(`\u001b[1m${textOf(time)} ${textOf(dataset)}\u001b[0m  ${textOf(message)}\n`);
  for (const [name, value] of fields) output.write(`    ${name}: ${textOf(value)}\n`);
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return typeof value === 'string' ? value : toJson(value);
}
