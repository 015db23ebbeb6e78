import fc from 'fast-check';
import type { Clocks } from './clocks.ts';
import { ChangingVendor, definition, SIZES, startList } from './declarative.ts';
import { FAILURES } from './failures.ts';
import { type Subject, worldOf } from './subject.ts';
import type { Vendor } from './vendor.ts';

const MINUTE = 60_000;

const PAGING = {
  none: '',
  next_url: '{ next_url: { from: { link: next } } }',
  next_token: '{ next_token: { from: next, query: cursor } }',
  offset: '{ offset: { query: offset, size: 3 } }',
  page: '{ page: { query: page, size: 3 } }',
} as const;

interface Settings {
  readonly paging: keyof typeof PAGING;
  /** What makes a version: one field, or any. */
  readonly compare: '[version]' | '';
  readonly cap: number;
}

/** The whole list is read at each poll. */
export async function openSnapshot({ paging, compare, cap }: Settings, clocks: Clocks): Promise<Vendor> {
  const text = definition({
    request: '{ path: /records }',
    cursor: '{ snapshot: {} }',
    paging: PAGING[paging],
    key: '[id]',
    compare,
  });
  const list = await startList(text, clocks, paging === 'none' ? Infinity : cap);
  const parts = { ...list, clocks, text, pages: 1_000, keyed: true };
  return new ChangingVendor({ ...parts, promise: Infinity, reasons: [], rest: [MINUTE, MINUTE] });
}

export const SNAPSHOT: Subject = {
  name: 'a declarative snapshot',
  worlds: fc
    .record<Settings>({
      paging: fc.constantFrom(...(Object.keys(PAGING) as (keyof typeof PAGING)[])),
      compare: fc.constantFrom('[version]', ''),
      cap: SIZES.cap,
    })
    .map((settings) => worldOf(openSnapshot, settings)),
  late: [0, 1, 10 * MINUTE],
  passes: [10 * MINUTE],
  sets: [{ min: -20 * MINUTE, max: 20 * MINUTE }],
  failures: FAILURES,
};
