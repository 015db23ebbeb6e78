import type { Stamp } from '../results.ts';

type Row = readonly (string | number)[];

/** A table of Markdown. Numbers are shown with separators. */
export function table(head: readonly string[], rows: readonly Row[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function line(cells: Row): string {
  return `| ${cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)).join(' | ')} |`;
}

/** How and when a part was run, in one line. */
export function stampOf({ command, date, seconds, seed, versions }: Stamp): string {
  const parts = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Last run: \`${command}\`, ${date}, seed ${seed}, ${minutes(seconds)}. ${parts.join(', ')}.`;
}

export function minutes(seconds: number): string {
  const count = Math.max(1, Math.round(seconds / 60));
  return `${count} ${count === 1 ? 'minute' : 'minutes'}`;
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

export function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
