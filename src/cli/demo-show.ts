import type { Io, Output } from './io.ts';
import { type EcsEvent, nest } from '../core/event.ts';
import { toJson } from '../core/json.ts';
import { printable } from '../core/text.ts';
import { isoTime } from '../ecs/common.ts';
import type { Verdict } from '../simulators/demo.ts';
import type { ReceivedRecord } from '../simulators/otlp-receiver-decode.ts';
import { jsonLine, say } from './output.ts';

/** How many typical events of each source are shown. */
export const OF_EACH = 2;

interface Showing {
  /** Only JSON lines on stdout; sentences go to stderr. */
  readonly json: boolean;
  /** Shows every event as it arrives, instead of a few typical ones. */
  readonly all: boolean;
}

/** Writes what the demo shows: events and the verdict on stdout, the steps there too or, with JSON, on stderr. */
export class DemoShow {
  readonly #io: Io;
  readonly #json: boolean;
  readonly #words: Output;
  readonly #shown = new Set<string>();
  #all: boolean;

  constructor(io: Io, { json, all }: Showing) {
    this.#io = io;
    this.#json = json;
    this.#all = all;
    this.#words = json ? io.stderr : io.stdout;
  }

  /** Shows a line about the current step. */
  step(line: string): void {
    say(this.#words, `${line}\n`);
  }

  /** Shows every event that arrives from now on. */
  showAll(): void {
    this.#all = true;
  }

  /** Called with records that arrive; a repeated record is not shown again. */
  readonly arrived = (records: readonly ReceivedRecord[]): void => {
    const print = this.#json ? printJson : printArrival;
    for (const record of records) {
      if (this.#shown.has(record.uid)) continue;
      this.#shown.add(record.uid);
      if (this.#all) print(this.#io.stdout, record);
    }
  };

  /** Shows two records of each source, of different kinds if possible; none when every event is shown anyway. */
  typical(records: readonly ReceivedRecord[]): void {
    if (this.#all) return;
    const print = this.#json ? printJson : printBriefly;
    for (const ofSource of Map.groupBy(records, datasetOf).values()) {
      const kinds = [...new Map(ofSource.toReversed().map((record) => [kindOf(record), record])).values()];
      const chosen = new Set([...kinds.toReversed(), ...ofSource]);
      for (const record of [...chosen].slice(0, OF_EACH)) print(this.#io.stdout, record);
    }
  }

  /** The last lines. */
  verdict(verdict: Verdict, received: readonly ReceivedRecord[]): void {
    const { lost, duplicates, repeats, identical } = verdict;
    const events = Map.groupBy(received, ({ uid }) => uid).size;
    this.step(`Received ${events} events: ${shares(received)}.`);
    if (this.#json) jsonLine(this.#io.stdout, { lost, duplicates, repeats, identical });
    else
      this.step(
        `Compared with the vendors: ${lost} lost, ${duplicates} duplicates, ${repeats} repeats, ${identical} byte-identical.`,
      );
  }
}

export function datasetOf({ record }: ReceivedRecord): string {
  return textOf(record.attributes['event.dataset']);
}

/** What makes two events of a source different kinds. */
function kindOf({ record: { attributes } }: ReceivedRecord): string {
  const names = ['event.outcome', 'petra.incident.remediation_status'];
  const dimensions = ['petra.failed_attacks.dimension', 'botbye.declined_requests.dimension'];
  return [...names, ...dimensions].map((name) => textOf(attributes[name])).join('|');
}

/** How many distinct events of each dataset. */
function shares(received: readonly ReceivedRecord[]): string {
  return [...Map.groupBy(received, datasetOf)]
    .map(([dataset, records]) => `${new Set(records.map(({ uid }) => uid)).size} of ${dataset}`)
    .toSorted()
    .join(', ');
}

/** Fields that every event has, which are left out. */
const COMMON = /^(ecs\.|event\.(created|module|kind|category|type|id)|observer\.|related\.|log\.record\.uid)/;

/** Prints a received record with its ECS names, for a terminal. */
export function printArrival(output: Output, received: ReceivedRecord): void {
  const { '@timestamp': time, message, 'event.dataset': dataset, ...rest } = eventOf(received);
  const fields = Object.entries(rest).filter(([name]) => !COMMON.test(name));
  output.write(`\u001b[1m${shown(time)} ${shown(dataset)}\u001b[0m  ${shown(message)}\n`);
  for (const [name, value] of fields) output.write(`    ${printable(name)}: ${shown(value)}\n`);
}

/** The fields that distinguish events at first sight. */
const DISTINCT =
  /^(event\.outcome|event\.start|user\.name|source\.(ip|geo\.country_iso_code)|organization\.name|rule\.name|url\.path)$/;

/** Prints a record in two lines: time, dataset and message, then a few of its ECS fields. */
export function printBriefly(output: Output, received: ReceivedRecord): void {
  const { '@timestamp': time, message, 'event.dataset': dataset, ...rest } = eventOf(received);
  const fields = Object.entries(rest)
    .filter(([name]) => DISTINCT.test(name))
    .map(([name, value]) => `${printable(name)}: ${shown(value)}`);
  output.write(`${shown(time)} ${shown(dataset)}  ${shown(message)}\n    ${fields.join(' · ')}\n`);
}

/** Prints a record as a nested document on one line. */
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

/** A field's value, safe for a terminal. */
function shown(value: unknown): string {
  return printable(textOf(value));
}
