import type { Verdict } from '../simulators/demo.ts';
import type { ReceivedRecord } from '../simulators/otlp-receiver-decode.ts';
import { printArrival, printBriefly, printJson, textOf } from './arrival.ts';
import { type Io, jsonLine, type Output, say } from './io.ts';

/** How many events of each source are shown as typical. */
const OF_EACH = 2;

interface Showing {
  /** Stdout has JSON lines only; what is for people is on stderr. */
  readonly json: boolean;
  /** Every event, as it arrives, in place of some typical ones. */
  readonly all: boolean;
}

/** What the demo shows, and where: events and the verdict on stdout; what happens beside them, or on stderr. */
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

  /** A line about what happens. */
  tell(line: string): void {
    say(this.#words, `${line}\n`);
  }

  /** From now on, every event that arrives is shown. */
  showAll(): void {
    this.#all = true;
  }

  /** Hears what arrives; a repeat of what was shown is not shown again. */
  readonly arrived = (records: readonly ReceivedRecord[]): void => {
    const print = this.#json ? printJson : printArrival;
    for (const record of records) {
      if (this.#shown.has(record.uid)) continue;
      this.#shown.add(record.uid);
      if (this.#all) print(this.#io.stdout, record);
    }
  };

  /** Shows some of these: two of each source, where it can of different kinds. Nothing where all were shown. */
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
    const same = identical === repeats ? 'byte-identical' : `of which ${identical} byte-identical`;
    this.tell(`The receiver has ${events} events: ${shares(received)}.`);
    if (this.#json) jsonLine(this.#io.stdout, { lost, duplicates, repeats, identical });
    else this.tell(`Beside the vendors: lost ${lost}, duplicates ${duplicates}, repeats ${repeats} ${same}.`);
  }
}

export function datasetOf({ record }: ReceivedRecord): string {
  return textOf(record.attributes['event.dataset']);
}

/** What a reader tells apart at first sight. */
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
