import { nameOf, type VariantCost } from './cost.ts';
import type { Figure } from './measure.ts';

/** A median with its spread: `41.2 (40.9–43.0)`. */
function spread({ median, least, most }: Figure, digits: number): string {
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

/** What each variant cost, as a table in Markdown. */
export function costTable(costs: readonly VariantCost[]): string {
  const rows = costs.map((cost) => [
    nameOf(cost),
    spread(cost.cpu, 1),
    cost.cpuRatio.toFixed(2),
    spread(cost.rate, 0),
    cost.rateRatio.toFixed(2),
    spread(cost.peakMiB, 0),
    cost.wireBytes.toFixed(0),
  ]);
  return table(
    ['', 'µs CPU a record', '× floor', 'records a second', '× floor', 'peak MiB', 'bytes a record sent'],
    rows,
  );
}

/** A table in Markdown, in columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
