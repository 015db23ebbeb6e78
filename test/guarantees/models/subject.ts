import fc from 'fast-check';
import type { SimulatedAnswer } from '../../../src/simulators/server.ts';
import type { Clocks } from './clocks.ts';
import type { Penstock } from './penstock.ts';
import type { Vendor } from './vendor.ts';

/** One step of a history: something happens at the vendor, to the clocks, or to Penstock. */
export type Command = fc.AsyncCommand<Vendor, Penstock>;

/** A source type or kind of cursor that is checked. */
export interface Subject {
  readonly name: string;
  /** Draws how the vendor behaves and how it is configured. */
  readonly worlds: fc.Arbitrary<World>;
  /** How long after their time records appear. The vendor's model knows which of them come too late to be promised. Ms. */
  readonly late: readonly number[];
  /** What the vendor answers instead of an answer, by its name. */
  readonly failures: Readonly<Record<string, SimulatedAnswer>>;
  /** How long nothing happens, at most, for each kind of pause. Milliseconds. */
  readonly passes: readonly number[];
  /** By how much the vendor's clock is set. Milliseconds. */
  readonly sets: readonly { readonly min: number; readonly max: number }[];
  /** What can only happen to this vendor. */
  readonly own?: readonly fc.Arbitrary<Command>[];
}

/** How a vendor behaves and how it is read. */
export interface World {
  open(clocks: Clocks): Promise<Vendor>;
  toString(): string;
}

type Open<Settings> = (settings: Settings, clocks: Clocks) => Promise<Vendor>;

export function worldOf<Settings>(open: Open<Settings>, settings: Settings): World {
  return { open: (clocks) => open(settings, clocks), toString: () => fc.stringify(settings) };
}
