import { VERSION } from '../core/version.ts';
import type { Readiness } from './health.ts';
import { html, type Html } from './html.ts';
import { span } from './page-cells.ts';
import { destinationSection } from './page-destinations.ts';
import { filterForm, pageAddress, type PageFilter } from './page-filter.ts';
import { sourceSection } from './page-sources.ts';
import { STYLE } from './page-style.ts';
import { headline, reasonList, tiles } from './page-summary.ts';
import type { Snapshot } from '../runtime/snapshot.ts';

/** Seconds after which the page renews itself, with the filter that it has. */
const REFRESH = 10;
const HOUR = 3_600_000;

/** To the letter as it was hashed: a formatter of templates leaves it alone here. */
const STYLE_ELEMENT: Html = { markup: `<style>${STYLE}</style>` };

/** The state of everything as one page that needs nothing else: no script, no font, nothing from another origin. */
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

/** The page while there is nothing to show, which goes on looking. `detail`: why. */
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
    ? html`${now}Renewed every ${REFRESH} s.
        <a href="${pageAddress({ ...filter, refresh: false })}">Pause</a>`
    : html`${now}Not renewed.
        <a href="${pageAddress({ ...filter, refresh: true })}">Renew every ${REFRESH} s</a>`;
}

/** Counts of the last hour are kept in memory only. */
function young({ at, sources }: Snapshot): Html | undefined {
  const started = Math.min(...sources.map(({ watch }) => watch.since));
  if (at - started >= HOUR) return undefined;
  return html`<p>
    This process started ${span(at - started)} ago: its counts of the last hour and its list of polls begin
    then.
  </p>`;
}
