import { showDuration } from '../core/show-duration.ts';
import type { Reason, State, Trouble } from '../core/state.ts';
import { html, type Html } from './html.ts';

type Tone = 'good' | 'warn' | 'bad';

/** What ends by itself, or loses nothing yet, is a warning. */
const TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good',
  starting: 'warn',
  throttled: 'warn',
  waiting: 'warn',
};

/** A state as a coloured word, since when it holds, why, and when it is tried again. `now`: epoch ms. */
export function stateCell(
  { name, since, reason, until }: State<string>,
  rest: readonly Trouble[],
  now: number,
): Html {
  const lasting = since !== undefined && html` for ${timeOf(since, span(now - since))}`;
  const next = until !== undefined && html` Next try ${fromNow(until, now)}.`;
  return html`<td class="state">
    <span class="is ${TONES[name] ?? 'bad'}">${name}</span>${lasting}${
      reason !== undefined && html`<p>${sentence(reason)}${next}</p>`
    }${rest.map((trouble) => troubleLine(trouble, now))}
  </td>`;
}

function troubleLine({ reason, since, detail }: Trouble, now: number): Html {
  // Why the last poll failed is said by the state already.
  const [words = ''] = detail.split(' Last error: ', 1);
  return html`<p><b>${reason}</b> for ${span(now - since)}: ${sentence(words)}</p>`;
}

/** The reasons of readiness that each state already shows. */
const SHOWN: Readonly<Record<string, readonly Reason[]>> = {
  refused: ['unauthorised', 'misconfigured'],
  throttled: ['throttled'],
  waiting: ['overflowing'],
  stale: ['stale'],
  starting: ['stale'],
  paused: ['destination-paused'],
  unreachable: ['destination-unreachable'],
};

/** The reasons of readiness that its state does not show. */
export function besides({ name }: State<string>, troubles: readonly Trouble[]): readonly Trouble[] {
  return troubles.filter(({ reason }) => !(SHOWN[name] ?? []).includes(reason));
}

/** A number in a column of numbers, or a dash where there is none. */
export function numberCell(label: string, value: string | number | undefined, more?: Html | false): Html {
  const shown = typeof value === 'number' ? value.toLocaleString('en') : (value ?? '–');
  return html`<td class="n" data-label="${label}">${shown}${more}</td>`;
}

/** A time, `5m 12s ago`; the exact one is shown by pointing at it. Epoch ms. */
export function ago(at: number, now: number): Html {
  return timeOf(at, `${span(now - at)} ago`);
}

/** `in 5m 12s`, or `now`. Epoch ms. */
export function fromNow(at: number, now: number): Html {
  return timeOf(at, at <= now ? 'now' : `in ${span(at - now)}`);
}

/** A duration by its two largest units. Milliseconds. */
export function span(ms: number): string {
  return showDuration(Math.max(0, ms)).split(' ').slice(0, 2).join(' ');
}

function timeOf(at: number, words: string): Html {
  const exact = new Date(at).toISOString();
  return html`<time datetime="${exact}" title="${exact}">${words}</time>`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** A size for people. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
