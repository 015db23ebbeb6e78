import { mask } from '../core/secret.ts';
import type { Finding } from '../core/source.ts';
import { jsonLine, type Output } from './io.ts';
import { table } from './table.ts';

interface Row extends Finding {
  /** `source console` or `destination siem`. */
  readonly subject: string;
}

const MARKS: Readonly<Record<Finding['verdict'], string>> = { ok: '✓', warn: '!', fail: '✗' };

/** Shows findings: a JSON line each, at once, or one table at the end for people. */
export class CheckReport {
  readonly #output: Output;
  readonly #json: boolean;
  readonly #rows: Row[] = [];

  constructor(output: Output, json: boolean) {
    this.#output = output;
    this.#json = json || output.isTTY !== true;
  }

  /** Subjects with a failure, each once. */
  get failed(): readonly string[] {
    return [...new Set(this.#rows.filter(({ verdict }) => verdict === 'fail').map(({ subject }) => subject))];
  }

  add(subject: string, findings: readonly Finding[]): void {
    for (const { probe, verdict, detail, advice } of findings) {
      const row = { subject, probe, verdict, detail: mask(detail), advice };
      this.#rows.push(row);
      if (this.#json) jsonLine(this.#output, row);
    }
  }

  end(): void {
    if (this.#json) return;
    const lines = this.#rows.map(({ subject, probe, verdict, detail, advice }) => [
      MARKS[verdict],
      subject,
      probe,
      advice === '' ? detail : `${detail} → ${advice}`,
    ]);
    this.#output.write(table(['', 'SUBJECT', 'PROBE', 'FINDING'], lines));
    const count = (verdict: Finding['verdict']) => this.#rows.filter((row) => row.verdict === verdict).length;
    this.#output.write(
      `\n${count('ok')} ok, ${count('warn')} ${count('warn') === 1 ? 'warning' : 'warnings'}, ${count('fail')} failed\n`,
    );
  }
}
