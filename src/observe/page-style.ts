import { createHash } from 'node:crypto';

/** How the status page looks: in the colours that the reader prefers, and below 56rem each row as a card. */
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

/** By which a Content-Security-Policy knows this style, and no other. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
