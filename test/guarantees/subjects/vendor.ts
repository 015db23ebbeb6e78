import type { Random } from '../../../src/core/clock.ts';
import type { ReceivedRecord } from '../../../src/simulators/otlp-receiver-decode.ts';
import type { Simulator } from '../../../src/simulators/server.ts';

/** What the receiver has, compared with what the vendor has. */
export interface Comparison {
  /** What the vendor has and the receiver lacks. */
  readonly lost: number;
  /** What the receiver has more often than the vendor, under different ids. */
  readonly asNew: number;
}

/** A vendor that is polled, and what must have arrived from it. */
export interface Vendor extends AsyncDisposable {
  readonly simulator: Simulator;
  /** The source's block of the configuration. */
  readonly source: Readonly<Record<string, unknown>>;
  /** Something new happens at the vendor. */
  readonly happen: () => void;
  readonly compare: (received: readonly ReceivedRecord[]) => Comparison;
}

/** A source of which every step is killed. */
export interface Subject {
  readonly name: string;
  readonly start: (random: Random) => Promise<Vendor>;
  /** Its `source.yaml`, where it is a declarative one. */
  readonly definition?: { readonly id: string; readonly text: string };
  /** How a past is read that polls do not read; absent: it has none. */
  readonly past?: {
    readonly source: Readonly<Record<string, unknown>>;
    readonly span: readonly ['--from', string, '--to', string];
  };
}
