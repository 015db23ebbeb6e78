import { DESTINATION_STATES } from './destination-state.ts';
import { html, type Html } from './html.ts';
import { ago, besides, numberCell, span, stateCell } from './page-cells.ts';
import { matches, type PageFilter } from './page-filter.ts';
import type { DestinationSnapshot } from '../runtime/snapshot.ts';

/** The destinations that the filter wants, the gravest state first. */
export function destinationSection(
  destinations: readonly DestinationSnapshot[],
  filter: PageFilter,
  now: number,
): Html {
  const wanted = destinations.filter((one) => matches(filter, one, wordsOf(one))).toSorted(gravestFirst);
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
              ${wanted.map((one) => row(one, now))}
            </tbody>
          </table>`
    }`;
}

/** `HTTP 401`: what else a refusal said is the reason of the state. */
function statusOf(answer = ''): string {
  return answer.split(': ', 1)[0] ?? '';
}

function wordsOf({
  name,
  state,
  lastAnswer,
  troubles,
}: DestinationSnapshot): readonly (string | undefined)[] {
  const reasons = troubles.flatMap(({ reason, detail }) => [reason, detail]);
  return [name, state.name, state.reason, lastAnswer, ...reasons];
}

function gravestFirst(a: DestinationSnapshot, b: DestinationSnapshot): number {
  const byState = DESTINATION_STATES.indexOf(a.state.name) - DESTINATION_STATES.indexOf(b.state.name);
  return byState || a.name.localeCompare(b.name, 'en', { numeric: true });
}

function row(destination: DestinationSnapshot, now: number): Html {
  const { name, state, troubles, waiting, oldest, watch, deadLetters, gaps, lastAnswer, lastAnswerAt } =
    destination;
  const last =
    lastAnswerAt === undefined
      ? html`none yet`
      : html`${statusOf(lastAnswer)}<br /><small>${ago(lastAnswerAt, now)}</small>`;
  const skipped = gaps.reduce((sum, { events }) => sum + events, 0);
  const numbers = [
    numberCell('Queued', waiting),
    numberCell('Oldest queued', oldest === undefined ? undefined : span(now - oldest)),
    numberCell('Delivered, last hour', watch.deliveredLastHour.total),
    numberCell('Rejected', deadLetters),
    numberCell('Skipped', skipped),
  ];
  return html`<tr>
    <th scope="row">${name}</th>
    ${stateCell(state, besides(state, troubles), now)}
    <td data-label="Last response">${last}</td>
    ${numbers}
  </tr> `;
}
