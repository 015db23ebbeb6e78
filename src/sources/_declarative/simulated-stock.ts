import type { CommonOptions } from '../../core/source.ts';
import type { Definition } from './definition.ts';
import { Reading } from './records.ts';
import { variantOf } from './sample-records.ts';
import type { SimulatedVendor } from './simulated-vendor.ts';

const SECOND = 1_000;
const HOUR = 3_600_000;

interface StockParts {
  readonly definition: Definition;
  readonly options: CommonOptions;
  /** The record of which all others are made. */
  readonly example: unknown;
  readonly vendor: SimulatedVendor;
}

/** The records of a simulated vendor, and how many events a definition should make of them. */
export class SimulatedStock {
  readonly #parts: StockParts;
  readonly #reading: Reading;
  readonly #keys = new Set<string>();
  #records = 0;

  constructor(parts: StockParts) {
    this.#parts = parts;
    this.#reading = new Reading(parts.definition.rules);
  }

  /** How many keys the records have: with `split`, a record has several. */
  get keys(): number {
    return this.#keys.size;
  }

  /** Adds settled records in the order of their times, two for each time; all lie within the first poll's lookback. */
  fill(count: number, now: number): void {
    const { cursor } = this.#parts.definition;
    const { settle = 0, initial_lookback: lookback } = this.#parts.options as {
      readonly settle?: number;
      readonly initial_lookback?: number;
    };
    const reach = lookback ?? (cursor.kind === 'position' ? cursor.lookback : undefined) ?? HOUR;
    const step = Math.max(SECOND, Math.floor((Math.min(reach, HOUR) * 1.6) / count / SECOND) * SECOND);
    const last = now - Math.ceil(settle / SECOND) * SECOND - SECOND;
    for (let number = 0; number < count; number += 1)
      this.add(last - Math.floor((count - 1 - number) / 2) * step);
  }

  /** Adds a record with this time, epoch ms. */
  add(at: number): void {
    const { definition, example, vendor } = this.#parts;
    const record = variantOf(definition, example, { number: this.#records, at });
    this.#records += 1;
    vendor.add(record);
    for (const { key } of this.#reading.observe(record)) this.#keys.add(key);
  }
}
