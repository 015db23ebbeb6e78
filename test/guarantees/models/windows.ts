import fc from 'fast-check';
import type { Clocks } from './clocks.ts';
import { ChangingVendor, definition, ListVendor, SIZES, startList } from './declarative.ts';
import { FAILURES } from './failures.ts';
import { type Subject, worldOf } from './subject.ts';
import type { Vendor } from './vendor.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const [SETTLE, OVERLAP] = [MINUTE, 2 * MINUTE];
// `Date` and some bounds have whole seconds.
const [IN_TIME, LATE, TOO_LATE] = [SETTLE - 2 * SECOND, SETTLE + OVERLAP - 2 * SECOND, 10 * MINUTE];

const PAGING = {
  none: '',
  next_url: '{ next_url: { from: { link: next } } }',
  next_token: '{ next_token: { from: meta.next, query: cursor } }',
  offset: '{ offset: { query: offset, size: SIZE, total: meta.total } }',
  bare_offset: '{ offset: { query: offset, size: SIZE } }',
  page: '{ page: { query: page, size: SIZE, pages: meta.pages } }',
  keyset: '{ keyset: { size: SIZE } }',
} as const;

/** How a vendor shows windows of time, and how a definition reads them. */
interface Settings {
  readonly order: 'ascending' | 'descending' | 'none';
  readonly filter: 'both' | 'from';
  /** The lower bound of a request means later than. */
  readonly exclusive: boolean;
  readonly records: 'without ids' | 'with ids' | 'changing';
  readonly printed: 'iso' | 'epoch_s' | 'epoch_ms';
  readonly paging: keyof typeof PAGING;
  readonly size: number;
  readonly cap: number;
  readonly pages: number;
}

function definitionOf({ order, filter, exclusive, records, printed, paging, size }: Settings): string {
  const to = filter === 'both' ? `until: "{{ ${printed}(to) }}", ` : '';
  return definition({
    request: `{ path: /records, query: { since: "{{ ${printed}(from) }}", ${to}limit: "${size}" } }`,
    cursor: `{ window: { time: at, as: epoch_ms, order: ${order}, filter: ${filter}, exclusive: ${exclusive}, settle: 1m, overlap: 2m, initial_lookback: 2h, slice: 20m } }`,
    paging: PAGING[paging].replace('SIZE', String(size)),
    key: records === 'without ids' ? '' : '[id]',
    compare: records === 'changing' ? '[version]' : '',
  });
}

export async function openWindow(settings: Settings, clocks: Clocks): Promise<Vendor> {
  const { records, paging, pages, printed, size, cap } = settings;
  const text = definitionOf(settings);
  const at = (time: number) => (printed === 'epoch_s' ? Math.floor(time / SECOND) : time);
  const parts = {
    ...(await startList(text, clocks, paging === 'none' ? Infinity : cap)),
    clocks,
    text,
    pages,
    keyed: records !== 'without ids',
    // A poll that may not send enough requests reads its overlap once, and goes on.
    promise: pages === 3 ? IN_TIME : LATE,
    get rest() {
      return [SETTLE + OVERLAP, clocks.setBack + MINUTE];
    },
    get reasons() {
      return [
        ...(paging === 'keyset' ? ['more-than-a-page'] : []),
        ...(pages === 3 ? ['too-many-pages'] : []),
        ...(clocks.setBack > 2 * HOUR ? ['clock-set-back'] : []),
      ];
    },
    // Nobody can tell a page that the vendor cut, and behind which nothing comes, from the last page.
    isHidden: (time: number, rows: readonly { readonly at: number }[]) =>
      paging === 'keyset' && cap < size && rows.filter((row) => at(row.at) === at(time)).length > cap,
  };
  return records === 'changing' ? new ChangingVendor(parts) : new ListVendor(parts);
}

function window(name: string, fixed: Partial<Settings>): Subject {
  const drawn = fc
    .record<Settings>({
      order: fc.constantFrom('ascending', 'descending', 'none'),
      filter: fc.constant('both'),
      exclusive: fc.boolean(),
      records: fc.constantFrom('without ids', 'with ids', 'changing'),
      printed: fc.constantFrom('iso', 'epoch_s', 'epoch_ms'),
      paging: fc.constantFrom(...(Object.keys(PAGING) as (keyof typeof PAGING)[])),
      ...SIZES,
    })
    .map((settings) => ({ ...settings, ...fixed }))
    .filter(({ order, paging, records }) => {
      if (paging === 'keyset') return order === 'ascending';
      return records !== 'without ids' || !/offset|page/.test(paging);
    });
  return {
    name: `a declarative window, ${name}`,
    worlds: drawn.map((settings) => worldOf(openWindow, settings)),
    late: [0, 1, SECOND, IN_TIME, LATE, TOO_LATE],
    passes: [10 * MINUTE],
    sets: [
      { min: -20 * MINUTE, max: -4 * SECOND },
      { min: 0, max: 20 * MINUTE },
    ],
    failures: FAILURES,
  };
}

export const WINDOWS: readonly Subject[] = [
  window('oldest first', { order: 'ascending' }),
  window('newest first', { order: 'descending' }),
  window('in no order', { order: 'none' }),
  window('from only', { filter: 'from' }),
];
