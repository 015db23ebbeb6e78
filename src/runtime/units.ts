import type { Config } from '../config/types.ts';
import type { Delivery } from '../deliver/loop.ts';
import type { Hold } from '../journal/leases.ts';
import type { Assignment } from './holds.ts';
import {
  type DestinationUnit,
  makeDestination,
  makeSource,
  type SourceUnit,
  type Unit,
  type UnitParts,
} from './make-units.ts';

/** Makes what the loops need for each hold, and offers it by its name for as long as it is held. */
export class Units {
  readonly #parts: UnitParts;
  readonly #configs: { readonly [K in keyof Configs]: ReadonlyMap<string, Configs[K]> };
  readonly #sources = new Map<string, SourceUnit>();
  readonly #destinations = new Map<string, DestinationUnit>();
  #next = new AbortController();

  constructor(parts: UnitParts) {
    this.#parts = parts;
    const { sources, destinations } = parts.config;
    this.#configs = { sources: byName(sources), destinations: byName(destinations) };
  }

  /** The unit of a source; undefined when this process does not hold it. */
  source(name: string): SourceUnit | undefined {
    return this.#sources.get(name);
  }

  /** The unit of a destination; undefined when this process does not hold it. */
  destination(name: string): DestinationUnit | undefined {
    return this.#destinations.get(name);
  }

  /** The deliveries to all destinations that this process holds. */
  get deliveries(): readonly Delivery[] {
    return [...this.#destinations.values()].map(({ delivery }) => delivery);
  }

  /** Aborts when the next unit is made. */
  get next(): AbortSignal {
    return this.#next.signal;
  }

  /** Makes the unit of a hold. Dispose it when the work on it has ended. */
  open(assignment: Assignment): Unit {
    const { hold } = assignment;
    const { kind, name } = hold.subject;
    if (kind === 'destination') {
      const unit = makeDestination(this.#parts, configOf(this.#configs.destinations, name), assignment);
      return this.#offer(this.#destinations, hold, unit);
    }
    return this.openSource(assignment);
  }

  /** As `open`, for a hold of a source. */
  openSource(assignment: Assignment): SourceUnit {
    const { hold } = assignment;
    const unit = makeSource(this.#parts, configOf(this.#configs.sources, hold.subject.name), assignment);
    return this.#offer(this.#sources, hold, unit);
  }

  #offer<U extends Unit>(units: Map<string, U>, { subject: { name }, signal }: Hold, unit: U): U {
    // It may have been lost before its work began.
    if (signal.aborted) return unit;
    units.set(name, unit);
    signal.addEventListener('abort', () => units.delete(name), { once: true });
    const waiting = this.#next;
    this.#next = new AbortController();
    waiting.abort();
    return unit;
  }
}

interface Configs {
  readonly sources: Config['sources'][number];
  readonly destinations: Config['destinations'][number];
}

function byName<C extends { readonly name: string }>(configs: readonly C[]): ReadonlyMap<string, C> {
  return new Map(configs.map((config) => [config.name, config]));
}

function configOf<C>(configs: ReadonlyMap<string, C>, name: string): C {
  const config = configs.get(name);
  if (config === undefined) throw new Error(`The configuration has no ${name}.`);
  return config;
}
