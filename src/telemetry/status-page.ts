import { mask } from '../config/secret.ts';
import { VERSION } from '../version.ts';
import type { Readiness } from './health.ts';
import type { Snapshot } from './snapshot.ts';
import { destinationRows, journalLine, sourceRows, type Rows } from './status-rows.ts';

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:0 0 1.5rem}th,td{text-align:left;padding:.25rem 1rem .25rem 0;border-bottom:1px solid #ddd;vertical-align:top}
th{font-weight:600}.ok{color:#176f2c}.bad{color:#b3261e}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}.ok{color:#7ad08f}.bad{color:#ff8a80}}`;

/** How everything stands, as one page that needs nothing else and renews itself. */
export function statusPage(snapshot: Snapshot, { ready, reasons }: Readiness): string {
  const { at, sources, destinations } = snapshot;
  const complaints = {
    head: ['subject', 'reason', 'detail'],
    rows: reasons.map(({ subject, reason, detail }) => [subject, reason, detail]),
  };
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="10"><title>Penstock</title><style>${STYLE}</style></head>
<body><h1>Penstock ${escapeHtml(VERSION)}: <span class="${ready ? 'ok">ready' : 'bad">not ready'}</span></h1>
${reasons.length === 0 ? '' : html(complaints)}
${html(sourceRows(sources, at))}
${html(destinationRows(destinations, at))}
<p>${escapeHtml(journalLine(snapshot, at))}</p>
<p>At ${new Date(at).toISOString()}. See also <a href="/readyz">/readyz</a> <a href="/livez">/livez</a> <a href="/metrics">/metrics</a></p>
</body></html>
`;
}

function html({ head, rows }: Rows): string {
  return `<table>${cells('th', head)}${rows.map((row) => cells('td', row)).join('\n')}</table>`;
}

function cells(tag: string, row: readonly string[]): string {
  return `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Errors quote what vendors and receivers answered. */
function escapeHtml(text: string): string {
  return mask(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
