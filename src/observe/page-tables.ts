import {
  ago,
  besides,
  fromNow,
  html,
  type Html,
  mebibytes,
  numberCell,
  span,
  stateCell,
} from './page-html.ts';
import type { DestinationSnapshot, SourceSnapshot } from './snapshot.ts';
import { DESTINATION_STATES, SOURCE_STATES } from './states.ts';
import type { EndedPoll } from './watches.ts';
import { counted } from '../core/text.ts';

/** The filter of the status page, from the query of its address. */
export interface PageFilter {
  /** The name of a state, `attention` (any row with a problem), or empty: all. */
  readonly state: string;
  /** Words that a row must contain, ignoring case; empty: all rows. */
  readonly q: string;
  /** Whether the page reloads itself. */
  readonly refresh: boolean;
}

/** The filter for rows with any problem. */
const ATTENTION = 'attention';

const ALL_STATES: readonly string[] = [...new Set([...SOURCE_STATES, ...DESTINATION_STATES])];

/** Unknown parameters are ignored; an unknown state matches no row. */
export function readFilter(query: URLSearchParams): PageFilter {
  return {
    state: (query.get('state') ?? '').trim(),
    q: (query.get('q') ?? '').trim(),
    refresh: query.get('refresh') !== 'off',
  };
}

/** The address of the page with this filter; missing members are the defaults. */
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

/** Whether it needs attention, by its state or by a reason that the state does not show. */
export function needsAttention({ state, troubles }: SourceSnapshot | DestinationSnapshot): boolean {
  return state.name !== 'healthy' || troubles.length > 0;
}

/** Whether the filter shows a row. `words`: the row's text. */
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

/** The filter form, which the browser sends as a query without JavaScript. */
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

/** The sources that match the filter: those that need attention first, then by severity and name. */
export function sourceSection(sources: readonly SourceSnapshot[], filter: PageFilter, now: number): Html {
  const wanted = sources
    .filter((source) => matches(filter, source, sourceWords(source)))
    .toSorted(bySeverity);
  const head = html`<thead>
    <tr>
      <th scope="col">Source</th>
      <th scope="col">State</th>
      <th scope="col">Polls, newest first</th>
      <th scope="col" class="n">Lag</th>
      <th scope="col" class="n">Events, last hour</th>
      <th scope="col" class="n">Requests, last hour</th>
      <th scope="col" class="n">Open gaps</th>
      <th scope="col" class="n">Known records</th>
    </tr>
  </thead>`;
  const count =
    wanted.length === sources.length ? `${sources.length}` : `${wanted.length} of ${sources.length}`;
  return html`<h2 id="sources">Sources <small>${count}</small></h2>
    ${
      wanted.length === 0
        ? html`<p class="soft">No source matches the filter.</p>`
        : html`<table class="sources">
            ${head}
            <tbody>
              ${wanted.map((source) => sourceRow(source, now))}
            </tbody>
          </table>`
    }`;
}

function sourceWords({ config, state, troubles, replica }: SourceSnapshot): readonly (string | undefined)[] {
  const { name, definition } = config;
  return [
    name,
    definition.id,
    replica,
    state.name,
    state.reason,
    ...troubles.flatMap(({ reason, detail }) => [reason, detail]),
  ];
}

function bySeverity(a: SourceSnapshot, b: SourceSnapshot): number {
  const byAttention = Number(needsAttention(b)) - Number(needsAttention(a));
  const byState = SOURCE_STATES.indexOf(a.state.name) - SOURCE_STATES.indexOf(b.state.name);
  return byAttention || byState || a.config.name.localeCompare(b.config.name, 'en', { numeric: true });
}

function sourceRow(source: SourceSnapshot, now: number): Html {
  const { config, state, streams, troubles, watch, lag, openGaps, deferred, quotaRemaining, ledger } = source;
  const streamCount = counted(streams.length, 'stream');
  const queued = deferred > 0 && html`, ${deferred.toLocaleString('en')} queued`;
  const budget =
    quotaRemaining !== undefined &&
    html`<br /><small>${Math.floor(quotaRemaining).toLocaleString('en')} left in the budget${queued}</small>`;
  const numbers = [
    numberCell('Lag', lag === undefined ? undefined : span(lag)),
    numberCell('Events, last hour', watch.eventsLastHour.total),
    numberCell('Requests, last hour', watch.requestsLastHour.total, budget),
    numberCell('Open gaps', openGaps),
    numberCell('Known records', ledger.entries, html`<br /><small>${mebibytes(ledger.bytes)}</small>`),
  ];
  return html`<tr>
    <th scope="row">${config.name}<small>${config.definition.id}, ${streamCount}${heldBy(source)}</small></th>
    ${stateCell(state, besides(state, troubles), now)}
    <td data-label="Polls, newest first">${polls(source, now)}</td>
    ${numbers}
  </tr> `;
}

/** The replica that works on it, where several share the state. */
function heldBy({ replica }: SourceSnapshot): Html | undefined {
  return replica === undefined ? undefined : html`, on ${replica}`;
}

function polls({ watch, lastComplete, nextDue, state }: SourceSnapshot, now: number): Html {
  const { lastPolls } = watch;
  const last =
    lastComplete === undefined ? html`none complete yet` : html`last complete ${ago(lastComplete, now)}`;
  // A source that waits for room, or for corrected options, is not polled when it would be due.
  const due = state.until ?? (isPolled(state.name) ? nextDue : undefined);
  const next = due !== undefined && html`, next ${fromNow(due, now)}`;
  const marks = lastPolls.length > 0 && html`<span class="polls">${lastPolls.map(mark)}</span><br />`;
  return html`${marks}<small>${last}${next}</small>`;
}

function isPolled(name: SourceSnapshot['state']['name']): boolean {
  return name !== 'waiting' && name !== 'refused';
}

const MARKS = {
  complete: ['✓', 'good'],
  owed: ['…', 'warn'],
  cut: ['–', 'warn'],
  failed: ['✗', 'bad'],
} as const;

/** A poll as one sign, with its words as title and label. */
function mark({ outcome, at, events }: EndedPoll): Html {
  const [sign, tone] = MARKS[outcome];
  const words = `${outcome}, ${counted(events, 'event')}, ${new Date(at).toISOString()}`;
  return html`<span class="${tone}" role="img" aria-label="${words}" title="${words}">${sign}</span>`;
}

/** The destinations that match the filter, by severity and name. */
export function destinationSection(
  destinations: readonly DestinationSnapshot[],
  filter: PageFilter,
  now: number,
): Html {
  const wanted = destinations
    .filter((one) => matches(filter, one, destinationWords(one)))
    .toSorted(bySeverityAndName);
  const head = html`<thead>
    <tr>
      <th scope="col">Destination</th>
      <th scope="col">State</th>
      <th scope="col">Last response</th>
      <th scope="col" class="n">Queued</th>
      <th scope="col" class="n">Oldest queued</th>
      <th scope="col" class="n">Delivered, last hour</th>
      <th scope="col" class="n">Rejected</th>
      <th scope="col" class="n">Skipped</th>
    </tr>
  </thead>`;
  const count =
    wanted.length === destinations.length ? `${wanted.length}` : `${wanted.length} of ${destinations.length}`;
  return html`<h2 id="destinations">Destinations <small>${count}</small></h2>
    ${
      wanted.length === 0
        ? html`<p class="soft">No destination matches the filter.</p>`
        : html`<table class="destinations">
            ${head}
            <tbody>
              ${wanted.map((one) => destinationRow(one, now))}
            </tbody>
          </table>`
    }`;
}

/** The status of a response, such as `HTTP 401`; the rest of it is the reason of the state. */
function statusOf(answer = ''): string {
  return answer.split(': ', 1)[0] ?? '';
}

function destinationWords({
  name,
  state,
  lastResponse,
  troubles,
  replica,
}: DestinationSnapshot): readonly (string | undefined)[] {
  const reasons = troubles.flatMap(({ reason, detail }) => [reason, detail]);
  return [name, replica, state.name, state.reason, lastResponse, ...reasons];
}

function bySeverityAndName(a: DestinationSnapshot, b: DestinationSnapshot): number {
  const byState = DESTINATION_STATES.indexOf(a.state.name) - DESTINATION_STATES.indexOf(b.state.name);
  return byState || a.name.localeCompare(b.name, 'en', { numeric: true });
}

function destinationRow(destination: DestinationSnapshot, now: number): Html {
  const {
    name,
    replica,
    state,
    troubles,
    waiting,
    oldest,
    watch,
    deadLetters,
    gaps,
    lastResponse,
    lastResponseAt,
  } = destination;
  const last =
    lastResponseAt === undefined
      ? html`none yet`
      : html`${statusOf(lastResponse)}<br /><small>${ago(lastResponseAt, now)}</small>`;
  const skipped = gaps.reduce((sum, { events }) => sum + events, 0);
  const numbers = [
    numberCell('Queued', waiting),
    numberCell('Oldest queued', oldest === undefined ? undefined : span(now - oldest)),
    numberCell('Delivered, last hour', watch.deliveredLastHour.total),
    numberCell('Rejected', deadLetters),
    numberCell('Skipped', skipped),
  ];
  return html`<tr>
    <th scope="row">${name}${replica !== undefined && html`<small>on ${replica}</small>`}</th>
    ${stateCell(state, besides(state, troubles), now)}
    <td data-label="Last response">${last}</td>
    ${numbers}
  </tr> `;
}
