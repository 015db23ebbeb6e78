import { createHash } from 'node:crypto';
import { printable, showDuration } from '../core/text.ts';
import { mask } from '../core/secret.ts';
import type { Reason, State, Trouble } from '../core/state.ts';

/** Safe markup; only `html` and `joined` create it. */
export interface Html {
  readonly markup: string;
}

/** A part of a template: text, which is escaped, or markup. Undefined and false add nothing. */
type Part = string | number | Html | readonly Html[] | undefined | false;

/**
 * Markup from a template. Text parts come from configuration, vendors and receivers, so secrets in them are masked,
 * control and bidirectional characters become escapes, and markup is escaped.
 */
export function html(template: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const markup = template.map((text, index) => `${text}${markupOf(parts[index])}`).join('');
  return { markup };
}

/** Markup with other markup between its parts. */
export function joined(parts: readonly Html[], between: Html): Html {
  return { markup: parts.map(({ markup }) => markup).join(between.markup) };
}

function markupOf(part: Part): string {
  if (part === undefined || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escapeHtml(String(part));
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return printable(mask(text)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

type Tone = 'good' | 'warn' | 'bad';

/** States that end without an operator, or lose nothing yet, are warnings; all others are bad. */
const TONES: Readonly<Record<string, Tone>> = {
  healthy: 'good',
  starting: 'warn',
  throttled: 'warn',
  waiting: 'warn',
};

/** A state as a coloured word, with its duration, reason and next try. `now`: epoch ms. */
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
  // The state already shows why the last poll failed.
  const [words = ''] = detail.split(' Last error: ', 1);
  return html`<p><b>${reason}</b> for ${span(now - since)}: ${sentence(words)}</p>`;
}

/** The readiness reasons that a state already shows. */
const SHOWN: Readonly<Record<string, readonly Reason[]>> = {
  refused: ['unauthorised', 'misconfigured'],
  throttled: ['throttled'],
  waiting: ['overflowing'],
  stale: ['stale'],
  starting: ['stale'],
  paused: ['destination-paused'],
  unreachable: ['destination-unreachable'],
};

/** The readiness reasons that the state does not show. */
export function besides({ name }: State<string>, troubles: readonly Trouble[]): readonly Trouble[] {
  return troubles.filter(({ reason }) => !(SHOWN[name] ?? []).includes(reason));
}

/** A cell with a number, or with a dash for none. */
export function numberCell(label: string, value: string | number | undefined, more?: Html | false): Html {
  const shown = typeof value === 'number' ? value.toLocaleString('en') : (value ?? '–');
  return html`<td class="n" data-label="${label}">${shown}${more}</td>`;
}

/** A time as `5m 12s ago`, with the exact time as its title. Epoch ms. */
export function ago(at: number, now: number): Html {
  return timeOf(at, `${span(now - at)} ago`);
}

/** `in 5m 12s`, or `now`. Epoch ms. */
export function fromNow(at: number, now: number): Html {
  return timeOf(at, at <= now ? 'now' : `in ${span(at - now)}`);
}

/** A duration in its two largest units. Milliseconds. */
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

/** A size in MiB. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** The style of the status page: light or dark as the browser prefers; narrower than 56rem, rows become cards. */
export const STYLE = `:root{color-scheme:light dark;--text:#1c2127;--soft:#57606a;--line:#d8dee4;--page:#fff;--panel:#f6f8fa;--link:#0550ae;
--good:#116329;--good-bg:#dafbe1;--warn:#7d4e00;--warn-bg:#fff3c4;--bad:#a40e26;--bad-bg:#ffe3e0}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--soft:#9ea7b3;--line:#30363d;--page:#0d1117;--panel:#161b22;--link:#79b8ff;
--good:#7ee29a;--good-bg:#12301c;--warn:#f2cc60;--warn-bg:#352a0b;--bad:#ffa198;--bad-bg:#3f1519}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem 1.5rem 2rem;max-width:100rem;color:var(--text);background:var(--page);
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}h1{font-size:1.25rem;margin:0}h2{font-size:1rem;margin:1.5rem 0 .5rem}p{margin:.25rem 0}
small,.soft{color:var(--soft);font-size:.8125rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;margin-bottom:.75rem}
header small{margin-left:auto}
.is{display:inline-block;padding:.05rem .5rem;border-radius:1rem;font-weight:600;white-space:nowrap}
.good{color:var(--good);background:var(--good-bg)}.warn{color:var(--warn);background:var(--warn-bg)}.bad{color:var(--bad);background:var(--bad-bg)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.5rem;margin:0}
dl div{border:1px solid var(--line);border-radius:.4rem;background:var(--panel);padding:.4rem .75rem}
dl a{white-space:nowrap}dt{color:var(--soft);font-size:.8125rem}dd{margin:0}dd b{font-size:1.125rem;font-variant-numeric:tabular-nums}
.reasons{margin:0;padding:.5rem .75rem .5rem 1.75rem;border:1px solid var(--line);border-left:4px solid var(--bad);border-radius:.4rem}
.reasons.calm{border-left-color:var(--warn)}.reasons li{margin:.15rem 0}
form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin-top:1rem}
label{display:flex;flex-direction:column;font-size:.8125rem;color:var(--soft)}
input,select,button{font:inherit;font-size:1rem;color:var(--text);background:var(--page);border:1px solid var(--soft);border-radius:.3rem;padding:.3rem .5rem;min-height:2.25rem;max-width:100%}
input{width:16rem}button{background:var(--panel);cursor:pointer;font-weight:600}
:focus-visible{outline:2px solid var(--link);outline-offset:1px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line)}
thead th{position:sticky;top:0;background:var(--page);font-weight:600;font-size:.8125rem;color:var(--soft);white-space:nowrap}
tbody th{font-weight:600;min-width:8rem}tbody th small{display:block;font-weight:400}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}
td.state{width:34%}td.state p{margin:.15rem 0 0}
.polls{font-size:1rem;letter-spacing:.1em;font-family:ui-monospace,monospace;white-space:nowrap}.polls .good,.polls .warn,.polls .bad{background:none}
footer{margin-top:1.5rem}
@media(max-width:56rem){body{padding:.75rem}header small{margin-left:0}
label,form{width:100%}input,select{width:100%}
table,tbody,tr,tbody th,td,td.state{display:block;width:auto}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tbody tr{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:.2rem .75rem;border:1px solid var(--line);border-radius:.4rem;padding:.5rem .75rem;margin-bottom:.5rem}
tbody th,td{border:0;padding:0;min-width:0}tbody th,td.state{grid-column:1/-1}
td.n{text-align:left;white-space:normal}td[data-label]::before{content:attr(data-label);display:block;color:var(--soft);font-size:.75rem}}
`;

/** The source expression that allows this style, and no other, in a Content-Security-Policy. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
