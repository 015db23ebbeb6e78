import type { Figure } from './measure.ts';

/** `50,000` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** A median with its spread: `41.2 (40.9–43.0)`. */
export function spread({ median, least, most }: Figure, digits: number): string {
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
