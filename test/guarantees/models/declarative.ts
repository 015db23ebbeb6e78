import fc from 'fast-check';
import { type Simulator, serve } from '../../../src/simulators/server.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { parseDefinition } from '../../../src/sources/_declarative/parse.ts';
import { SimulatedVendor } from '../../../src/sources/_declarative/simulated-vendor.ts';
import type { Clocks } from './clocks.ts';
import { difference } from './difference.ts';
import type { Collected, Vendor, Verdict } from './vendor.ts';

/** A record of a list; the vendor shows `version` where records change. */
interface Row {
  readonly id: string;
  readonly at: number;
  readonly version: number;
  readonly isTooLate?: boolean;
}

interface Parts {
  readonly simulator: Simulator;
  readonly list: SimulatedVendor;
  readonly clocks: Clocks;
  readonly text: string;
  /** Requests of one poll. */
  readonly pages: number;
  /** Without ids, records of one kind are told apart by their times, and equal ones are counted. */
  readonly keyed: boolean;
  readonly rest: Vendor['rest'];
  /** Records that appear later after their time may be missed. Milliseconds. */
  readonly promise: number;
  /** Of gaps that there may be. Every other one is a fault. */
  readonly reasons: readonly string[];
  /** Records that nobody can see. */
  readonly isHidden?: (at: number, rows: readonly Row[]) => boolean;
}

/** A vendor with one list of records, as a definition describes it. */
export class ListVendor implements Vendor {
  readonly simulator: Simulator;
  readonly clocks: Clocks;
  readonly source: Vendor['source'];
  readonly config = { token: 'token-of-the-list' };
  readonly rest: Vendor['rest'];
  readonly list: SimulatedVendor;
  /** What the list has, by its number. */
  readonly #rows = new Map<number, Row>();
  /** All that it ever had. */
  readonly #shown: Row[] = [];
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.simulator = parts.simulator;
    this.clocks = parts.clocks;
    this.list = parts.list;
    this.rest = parts.rest;
    this.source = compileDefinition(parts.text, 'model', { pages: parts.pages });
  }

  appear({ ago, count, kind }: Parameters<Vendor['appear']>[0]): void {
    for (let added = 0; added < count; added += 1) {
      const number = this.#shown.length;
      const id = this.#parts.keyed ? `r${number}` : `kind-${kind}`;
      const at = this.clocks.theirs.now() - ago;
      this.#put(number, { id, at, version: 1, isTooLate: ago > this.#parts.promise });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.simulator[Symbol.asyncDispose]();
  }

  judge({ events, gaps }: Collected): Verdict {
    const { keyed, reasons, isHidden } = this.#parts;
    const rows = [...this.#rows.values()];
    const isMissed = ({ at, isTooLate }: Row) =>
      isTooLate === true ||
      gaps.some(({ from, to }) => from <= at && at < to) ||
      isHidden?.(at, rows) === true;
    const words = ({ id, at, version }: Row) => `${id} ${keyed ? version : new Date(at).toISOString()}`;
    const present = new Set(rows);
    const { lost, asNew } = difference({
      due: rows.filter((row) => !isMissed(row)).map(words),
      more: this.#shown.filter((row) => !present.has(row) || isMissed(row)).map(words),
      collected: events.map((event) => {
        const [id, version, at] = [event['user.name'], event['event.code'], event['@timestamp']];
        return `${String(id)} ${String(keyed ? version : at)}`;
      }),
    });
    const undue = gaps.flatMap(({ reason }) => (reasons.includes(reason) ? [] : [`a gap: ${reason}`]));
    return { lost: [...lost, ...undue], asNew };
  }

  /** In place of what it had under that number; undefined: nothing. */
  protected put(which: number, next: (row: Row) => Row | undefined): void {
    const numbers = [...this.#rows.keys()];
    const number = numbers[which % Math.max(1, numbers.length)];
    const row = number === undefined ? undefined : this.#rows.get(number);
    if (number !== undefined && row !== undefined) this.#put(number, next(row));
  }

  #put(number: number, row: Row | undefined): void {
    const before = this.#rows.get(number);
    const isBefore = (record: unknown) => (record as Row).id === before?.id;
    if (before !== undefined) this.list.remove(isBefore);
    if (row === undefined) {
      this.#rows.delete(number);
      return;
    }
    // Shown from now on, whatever its clock says.
    this.list.add(row, 0);
    this.#rows.set(number, row);
    this.#shown.push(row);
  }
}

/** One whose records change and disappear. */
export class ChangingVendor extends ListVendor {
  change(which: number): void {
    this.put(which, ({ id, version }) => ({ id, version: version + 1, at: this.clocks.theirs.now() }));
  }

  remove(which: number): void {
    this.put(which, () => undefined);
  }
}

/** A definition with these parts. */
export function definition(parts: Readonly<Record<string, string>>): string {
  const all: Readonly<Record<string, string>> = {
    id: 'model',
    title: 'A model',
    vendor: 'Model',
    product: 'Model',
    dataset: 'model.records',
    event: '{ kind: event, category: [web], type: [info] }',
    auth: '{ bearer: "{{ options.token }}" }',
    records: 'data',
    map: '{ "@timestamp": at, user.name: id, event.code: version }',
    ...parts,
  };
  return Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

/** Starts the list that a definition describes. `cap`: the most records in one answer. */
export async function startList(text: string, clocks: Clocks, cap: number) {
  const now = () => clocks.theirs.now();
  const list = new SimulatedVendor(parseDefinition({ file: 'model', text }), { now, cap });
  const simulator = await serve((request) => list.answer(request), { clock: clocks.theirs });
  return { list, simulator };
}

export const SIZES = {
  /** The most records that are asked for in one request, and the most that the vendor sends. */
  size: fc.integer({ min: 2, max: 5 }),
  cap: fc.integer({ min: 2, max: 6 }),
  /** Requests of one poll. */
  pages: fc.constantFrom(3, 1_000, 1_000),
};
