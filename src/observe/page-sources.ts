import { ago, besides, fromNow, mebibytes, numberCell, span, stateCell } from './page-cells.ts';
import { html, type Html } from './html.ts';
import { matches, needsAttention, type PageFilter } from './page-filter.ts';
import type { SourceSnapshot } from '../runtime/snapshot.ts';
import { SOURCE_STATES } from './source-state.ts';
import type { PollSeen } from './source-watch.ts';

/** The sources that the filter wants, those with problems first, the gravest first among them. */
export function sourceSection(sources: readonly SourceSnapshot[], filter: PageFilter, now: number): Html {
  const wanted = sources.filter((source) => matches(filter, source, wordsOf(source))).toSorted(gravestFirst);
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
              ${wanted.map((source) => row(source, now))}
            </tbody>
          </table>`
    }`;
}

function wordsOf({ config, state, troubles }: SourceSnapshot): readonly (string | undefined)[] {
  const { name, definition } = config;
  return [
    name,
    definition.id,
    state.name,
    state.reason,
    ...troubles.flatMap(({ reason, detail }) => [reason, detail]),
  ];
}

function gravestFirst(a: SourceSnapshot, b: SourceSnapshot): number {
  const byAttention = Number(needsAttention(b)) - Number(needsAttention(a));
  const byState = SOURCE_STATES.indexOf(a.state.name) - SOURCE_STATES.indexOf(b.state.name);
  return byAttention || byState || a.config.name.localeCompare(b.config.name, 'en', { numeric: true });
}

function row(source: SourceSnapshot, now: number): Html {
  const { config, state, streams, troubles, watch, lag, openGaps, deferred, quotaRemaining, ledger } = source;
  const streamCount = `${streams.length.toLocaleString('en')} ${streams.length === 1 ? 'stream' : 'streams'}`;
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
    <th scope="row">${config.name}<small>${config.definition.id}, ${streamCount}</small></th>
    ${stateCell(state, besides(state, troubles), now)}
    <td data-label="Polls, newest first">${polls(source, now)}</td>
    ${numbers}
  </tr> `;
}

function polls({ watch, lastComplete, nextDue, state }: SourceSnapshot, now: number): Html {
  const { lastPolls } = watch;
  const last =
    lastComplete === undefined ? html`none complete yet` : html`last complete ${ago(lastComplete, now)}`;
  // What waits for room, or for other options, is not polled when it would be due.
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

/** A poll as one sign, in words to who points at it or hears the page. */
function mark({ outcome, at, events }: PollSeen): Html {
  const [sign, tone] = MARKS[outcome];
  const words = `${outcome}, ${events.toLocaleString('en')} ${events === 1 ? 'event' : 'events'}, ${new Date(at).toISOString()}`;
  return html`<span class="${tone}" role="img" aria-label="${words}" title="${words}">${sign}</span>`;
}
