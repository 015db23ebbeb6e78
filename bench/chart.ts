import type { VariantCost } from './variants.ts';
import type { Figure } from './measure.ts';

const WIDTH = 880;
const LABELS = 190;
const PANEL = (WIDTH - LABELS) / 2;
/** Of a panel, for the figure behind its longest bar. */
const MARGIN = 90;
const ROW = 26;
const TOP = 64;
/** Between the two encodings. */
const GAP = 12;

/** Grey and blue of a contrast that is enough on white and on black. */
const INK = '#768390';
const FLOOR = '#8b949e';
const PENSTOCK = '#3b82f6';

interface Panel {
  readonly title: string;
  readonly figureOf: (cost: VariantCost) => Figure;
  readonly digits: number;
}

const PANELS: readonly Panel[] = [
  { title: 'CPU time a record, µs (less is better)', figureOf: ({ cpu }) => cpu, digits: 1 },
  { title: 'records a second (more is better)', figureOf: ({ rate }) => rate, digits: 0 },
];

/** The compressed variants as bars, with the spread of their runs as lines: an SVG without scripts and fonts of its own. */
export function chartOf(variants: readonly VariantCost[]): string {
  const shown = variants.filter(({ compression }) => compression === 'gzip');
  const rows = shown.map((cost, index) => ({ cost, y: middleOf(index, cost) }));
  const height = (rows.at(-1)?.y ?? TOP) + 52;
  const names = rows.map(({ cost, y }) => text(LABELS - 10, y, labelOf(cost), 'end'));
  const panels = PANELS.map((panel, index) => panelOf(panel, rows, LABELS + index * PANEL));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif" font-size="13">
<title>CPU time and records a second of the floor and of Penstock</title>
${[...names, ...panels].join('\n')}
${text(10, height - 14, 'floor: a loop over the OpenTelemetry SDK without state and guarantees. Bars are medians, lines the spread of the runs; gzip.', 'start', 11)}
</svg>
`;
}

function middleOf(index: number, { encoding }: VariantCost): number {
  return TOP + index * ROW + ROW / 2 + (encoding === 'json' ? GAP : 0);
}

interface Row {
  readonly cost: VariantCost;
  /** Of its middle. */
  readonly y: number;
}

function labelOf({ tool, profile, encoding }: VariantCost): string {
  return `${tool === 'floor' ? 'floor' : profile}, ${encoding}`;
}

function panelOf({ title, figureOf, digits }: Panel, rows: readonly Row[], left: number): string {
  const longest = Math.max(...rows.map(({ cost }) => figureOf(cost).most));
  const scale = (value: number) => (value / longest) * (PANEL - MARGIN);
  const bars = rows.map(({ cost, y }) => {
    const { median, least, most } = figureOf(cost);
    const colour = cost.tool === 'floor' ? FLOOR : PENSTOCK;
    const value = Number(median.toFixed(digits)).toLocaleString('en');
    return `<rect x="${left}" y="${y - 9}" width="${scale(median).toFixed(1)}" height="18" rx="2" fill="${colour}"/>
<path d="M${(left + scale(least)).toFixed(1)} ${y}H${(left + scale(most)).toFixed(1)}" stroke="${INK}" stroke-width="2"/>
${text(left + scale(most) + 8, y, value, 'start')}`;
  });
  return [text(left, 34, title, 'start', 14, 600), ...bars].join('\n');
}

function text(x: number, y: number, words: string, anchor: 'start' | 'end', size = 13, weight = 400): string {
  return `<text x="${x.toFixed(1)}" y="${y}" dy="0.35em" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="${INK}">${words}</text>`;
}
