import fc from 'fast-check';
import type { Clocks } from './clocks.ts';
import { definition, ListVendor, SIZES, startList } from './declarative.ts';
import { FAILURES } from './failures.ts';
import { type Command, type Subject, worldOf } from './subject.ts';
import type { Vendor } from './vendor.ts';

const MINUTE = 60_000;

const FROM = {
  'a cursor, and whether more follows':
    'from: cursor, more: has_more, time: at, as: epoch_ms, expired: { status: [410] }',
  'a cursor in a header': 'from: { header: x-cursor }, time: at, as: epoch_ms, expired: { status: [410] }',
  'the id of the last record': 'from: { last: id }, order: ascending',
} as const;

interface Settings {
  readonly from: keyof typeof FROM;
  readonly cap: number;
  readonly pages: number;
}

/** A vendor that gives a position with its records, and may forget it. */
class PositionVendor extends ListVendor {
  readonly expires: boolean;

  constructor(parts: ConstructorParameters<typeof ListVendor>[0], { from }: Settings) {
    super(parts);
    this.expires = FROM[from].includes('expired');
  }
}

class Expire implements Command {
  // Without `expired` such an answer is an error.
  check = (vendor: Readonly<Vendor>) => vendor instanceof PositionVendor && vendor.expires;

  async run(vendor: Vendor): Promise<void> {
    if (vendor instanceof PositionVendor) vendor.list.expire();
  }

  toString = () => 'all positions expire';
}

export async function openPosition(settings: Settings, clocks: Clocks): Promise<Vendor> {
  const { from, cap, pages } = settings;
  const text = definition({
    request: '{ path: /records, query: { since: "{{ epoch_ms(from) }}" } }',
    cursor: `{ position: { ${FROM[from]}, initial_lookback: 2h, request: { query: { after: "{{ position }}" } } } }`,
    key: '[id]',
  });
  const parts = { ...(await startList(text, clocks, cap)), clocks, text, pages, keyed: true };
  return new PositionVendor(
    { ...parts, promise: Infinity, reasons: ['position-expired'], rest: [MINUTE] },
    settings,
  );
}

export const POSITION: Subject = {
  name: 'a declarative position',
  worlds: fc
    .record<Settings>({
      from: fc.constantFrom(...(Object.keys(FROM) as (keyof typeof FROM)[])),
      cap: SIZES.cap,
      pages: SIZES.pages,
    })
    .map((settings) => worldOf(openPosition, settings)),
  late: [0, 1],
  passes: [10 * MINUTE],
  sets: [{ min: -20 * MINUTE, max: 20 * MINUTE }],
  failures: FAILURES,
  own: [fc.constant(null).map(() => new Expire())],
};
