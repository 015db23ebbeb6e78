import { DESTINATION_STATES } from './destination-state.ts';
import { html, type Html } from './html.ts';
import type { DestinationSnapshot, SourceSnapshot } from '../runtime/snapshot.ts';
import { SOURCE_STATES } from './source-state.ts';

/** What the reader of the status page wants to see, as the query of its address says it. */
export interface PageFilter {
  /** The name of a state, `attention` (whatever is not as it should be), or empty: any. */
  readonly state: string;
  /** Words that must all be found in a row, whatever their case; empty: any. */
  readonly q: string;
  /** Whether the page renews itself. */
  readonly refresh: boolean;
}

/** The filter that matches each row with a problem, whichever it is. */
const ATTENTION = 'attention';

const ALL_STATES: readonly string[] = [...new Set([...SOURCE_STATES, ...DESTINATION_STATES])];

/** What is unknown in a query is left out of account; a state that does not exist matches no row. */
export function readFilter(query: URLSearchParams): PageFilter {
  return {
    state: (query.get('state') ?? '').trim(),
    q: (query.get('q') ?? '').trim(),
    refresh: query.get('refresh') !== 'off',
  };
}

/** The address of the page with this filter; what is not given is as it is without one. */
export function pageAddress({ state = '', q = '', refresh = true }: Partial<PageFilter>): string {
  const query = new URLSearchParams({
    ...(state !== '' && { state }),
    ...(q !== '' && { q }),
    ...(!refresh && { refresh: 'off' }),
  });
  return query.size === 0 ? '/' : `/?${query.toString()}`;
}

export function isFiltering({ state, q }: PageFilter): boolean {
  return state !== '' || q !== '';
}

/** Whether somebody should look at it: its state, or a reason that the state does not show. */
export function needsAttention({ state, troubles }: SourceSnapshot | DestinationSnapshot): boolean {
  return state.name !== 'healthy' || troubles.length > 0;
}

/** Whether a row is to be shown; `words`: all that it says of itself. */
export function matches(
  { state, q }: PageFilter,
  row: SourceSnapshot | DestinationSnapshot,
  words: readonly (string | undefined)[],
): boolean {
  const isWanted =
    state === '' || (state === ATTENTION ? needsAttention(row) : state.toLowerCase() === row.state.name);
  const all = words.join('\n').toLowerCase();
  return (
    isWanted &&
    q
      .toLowerCase()
      .split(/\s+/)
      .every((word) => all.includes(word))
  );
}

/** The form by which a reader filters: the browser sends it as a query, without JavaScript. */
export function filterForm(filter: PageFilter): Html {
  const option = (value: string, words: string) =>
    html`<option value="${value}" ${filter.state === value && html` selected`}>${words}</option>`;
  return html`<form method="get" action="/" role="search">
    <label
      >State<select name="state">
        ${option('', 'any')}${option(ATTENTION, 'needs attention')}${ALL_STATES.map((name) => option(name, name))}
      </select></label
    >
    <label>Name, type or text<input type="search" name="q" value="${filter.q}" autocomplete="off" /></label>
    ${!filter.refresh && html`<input type="hidden" name="refresh" value="off" />`}<button>Filter</button>
    ${isFiltering(filter) && html`<a href="${pageAddress({ refresh: filter.refresh })}">Show all</a>`}
  </form>`;
}
