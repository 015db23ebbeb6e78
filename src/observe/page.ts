import { counted } from '../core/text.ts';
import { VERSION } from '../core/version.ts';
import type { Replica } from '../journal/leases.ts';
import type { Complaint, Readiness } from './health.ts';
import { html, type Html, joined, mebibytes, span, STYLE } from './page-html.ts';
import {
  destinationSection,
  filterForm,
  needsAttention,
  pageAddress,
  type PageFilter,
  sourceSection,
} from './page-tables.ts';
import type { Snapshot } from './snapshot.ts';
import { DESTINATION_STATES, SOURCE_STATES } from './states.ts';

/** The page reloads itself, with its filter, after this time. Seconds. */
const REFRESH = 10;
const HOUR = 3_600_000;

/** Must be exactly what was hashed; outside a template, no formatter changes it. */
const STYLE_ELEMENT: Html = { markup: `<style>${STYLE}</style>` };

/** The status of everything as one self-contained page: no script, no font, nothing from another origin. */
export function statusPage(snapshot: Snapshot, readiness: Readiness, filter: PageFilter): string {
  const { at, sources, destinations } = snapshot;
  const isReady = readiness.ready;
  return page(
    filter,
    headline(snapshot),
    html` <header>
        <h1>Penstock</h1>
        <span class="is ${isReady ? 'good' : 'bad'}">${isReady ? 'ready' : 'not ready'}</span
        ><span>${headline(snapshot)}.</span><small>${refreshing(filter, at)}</small>
      </header>
      <main>
        ${tiles(snapshot, filter)} ${reasonList(readiness, filter, at)} ${filterForm(filter)}
        ${destinationSection(destinations, filter, at)} ${sourceSection(sources, filter, at)}
        ${replicaList(snapshot, filter)}
      </main>
      <footer class="soft">
        ${young(snapshot)}
        <p>
          Penstock ${VERSION}. For machines: <a href="/readyz">/readyz</a> <a href="/livez">/livez</a>
          <a href="/metrics">/metrics</a>
        </p>
      </footer>`,
  );
}

/** The page while nothing can be read, which keeps reloading. `detail`: why. */
export function waitingPage(detail: string, filter: PageFilter): string {
  return page(
    filter,
    'Waiting for the state',
    html` <header>
        <h1>Penstock</h1>
        <span class="is bad">not ready</span>
      </header>
      <main><p>Waiting for the state. ${detail}</p></main>`,
  );
}

function page({ refresh }: PageFilter, title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${refresh && html`<meta http-equiv="refresh" content="${REFRESH}" />`}
        <title>Penstock: ${title}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        ${body}
      </body>
    </html> `.markup;
}

function refreshing(filter: PageFilter, at: number): Html {
  const now = `At ${new Date(at).toISOString().slice(0, 19)}Z. `;
  return filter.refresh
    ? html`${now}Reloads every ${REFRESH} s.
        <a href="${pageAddress({ ...filter, refresh: false })}">Pause</a>`
    : html`${now}Not reloading.
        <a href="${pageAddress({ ...filter, refresh: true })}">Reload every ${REFRESH} s</a>`;
}

/** A note while the counts of the last hour, which are only in memory, cover less than an hour. */
function young({ at, sources }: Snapshot): Html | undefined {
  const started = Math.min(...sources.map(({ watch }) => watch.since));
  if (at - started >= HOUR) return undefined;
  return html`<p>
    This process started ${span(at - started)} ago; counts of the last hour and lists of polls start there.
  </p>`;
}

/** How many sources or destinations are named per reason. */
const NAMED = 5;

/** How many sources and destinations need attention, in one sentence. */
export function headline({ sources, destinations }: Snapshot): string {
  const parts = [
    of(sources.filter(needsAttention).length, sources.length, 'source'),
    of(destinations.filter(needsAttention).length, destinations.length, 'destination'),
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return 'All sources and destinations are healthy';
  return `${parts.join(' and ')} ${parts.length === 1 && parts[0]?.startsWith('1 ') ? 'needs' : 'need'} attention`;
}

function of(count: number, all: number, word: string): string | undefined {
  return count === 0 ? undefined : `${count} of ${all} ${word}${all === 1 ? '' : 's'}`;
}

/** The main counts; each state links to the rows in that state. */
export function tiles({ at, sources, destinations, journal, rejected }: Snapshot, filter: PageFilter): Html {
  const { events, bytes, oldest } = journal;
  const queue = oldest === undefined ? 'nothing is queued' : `oldest queued ${span(at - oldest)} ago`;
  return html`<dl>
    <div>
      <dt>Sources</dt>
      <dd><b>${sources.length}</b> ${states(sources, SOURCE_STATES, filter)}</dd>
    </div>
    <div>
      <dt>Destinations</dt>
      <dd><b>${destinations.length}</b> ${states(destinations, DESTINATION_STATES, filter)}</dd>
    </div>
    <div>
      <dt>Events queued</dt>
      <dd><b>${events.toLocaleString('en')}</b> <small>${queue}; journal ${mebibytes(bytes)}</small></dd>
    </div>
    <div>
      <dt>Events rejected</dt>
      <dd>
        <b>${rejected.toLocaleString('en')}</b>
        <small>${rejected === 0 ? 'none' : 'see penstock dead-letters list'}</small>
      </dd>
    </div>
  </dl>`;
}

function states(
  rows: readonly { readonly state: { readonly name: string } }[],
  names: readonly string[],
  { refresh }: PageFilter,
): Html {
  const links = names.flatMap((name) => {
    const count = rows.filter(({ state }) => state.name === name).length;
    return count === 0 ? [] : [html`<a href="${pageAddress({ state: name, refresh })}">${count} ${name}</a>`];
  });
  return html`<small>${joined(links, html`, `)}</small>`;
}

/** Those that share the state, with links to what each works on; nothing where one process holds it. */
function replicaList({ at, replicas }: Snapshot, { refresh }: PageFilter): Html | undefined {
  if (replicas === undefined) return undefined;
  const line = ({ name, command, since, sources, destinations }: Replica) => {
    const works = [counted(sources.length, 'source'), counted(destinations.length, 'destination')].join(', ');
    const link = html`<a href="${pageAddress({ q: name, refresh })}">${name}</a>`;
    return html`<li>${link}: ${command} for ${span(Math.max(0, at - since))}, ${works}</li> `;
  };
  return html`<h2>Replicas <small>${replicas.length}</small></h2>
    <ul>
      ${replicas.map(line)}
    </ul>`;
}

/** The reasons of `/readyz`, one line each; nothing if there are none. */
export function reasonList({ ready, reasons }: Readiness, filter: PageFilter, now: number): Html | undefined {
  if (reasons.length === 0) return undefined;
  const groups = Map.groupBy(reasons, ({ reason }) => reason);
  return html`<h2>${ready ? 'Known problems; still ready' : 'Why it is not ready'}</h2>
    <ul class="reasons${ready && html` calm`}">
      ${[...groups.values()].map((group) => reasonLine(group, filter, now))}
    </ul>`;
}

function reasonLine(group: readonly Complaint[], { refresh }: PageFilter, now: number): Html {
  const [first] = group;
  if (first === undefined) return html``;
  const since = Math.min(...group.map((one) => one.since));
  const named = group.slice(0, NAMED).map(({ subject }) => subjectLink(subject, refresh));
  const more = group.length - named.length;
  return html`<li>
    <b>${first.reason}</b> for ${span(now - since)}:
    ${joined(named, html`, `)}${
      more > 0 && html` and ${more.toLocaleString('en')} more`
    }${!hasRow(first) && html`. ${first.detail}`}
  </li> `;
}

/** Sources and destinations have a row with the details; the journal and the configuration have none. */
function hasRow({ subject }: Complaint): boolean {
  return nameOf(subject) !== undefined;
}

function nameOf(subject: string): string | undefined {
  return /^(?:source|destination) (.*)$/.exec(subject)?.[1];
}

function subjectLink(subject: string, refresh: boolean): Html {
  const name = nameOf(subject);
  return name === undefined
    ? html`${subject}`
    : html`<a href="${pageAddress({ q: name, refresh })}">${subject}</a>`;
}
