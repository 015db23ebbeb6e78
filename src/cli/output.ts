import type { Command } from 'commander';
import type { Io, Output } from './io.ts';
import { toJson } from '../core/json.ts';
import type { PollStats } from '../core/observers.ts';
import { mask } from '../core/secret.ts';
import { counted, printable, printableJson, printableLines } from '../core/text.ts';

/** Whether a command prints JSON lines: with `--json`, and whenever stdout is not a terminal. */
export function wantsJson({ stdout }: Pick<Io, 'stdout'>, flags: Readonly<Record<string, unknown>>): boolean {
  return flags['json'] === true || stdout.isTTY !== true;
}

/** Writes one object as a JSON line; integers beyond 2^53 with all their digits. */
export function jsonLine(output: Output, object: unknown): void {
  output.write(`${printableJson(toJson(object))}\n`);
}

/** Writes text that may contain words of a vendor, a receiver or an operator: made printable, secrets masked. */
export function say(output: Output, text: string): void {
  output.write(printableLines(mask(text)));
}

/** A table for a terminal: printable cells, padded columns, two spaces between them, no trailing spaces. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** The text, cut to so many characters. */
export function clip(text: string, widest: number): string {
  return text.length <= widest ? text : `${text.slice(0, widest - 1)}…`;
}

const CLEAR = '\r\u001b[K';

/** A line of progress at the bottom of a terminal; writes nothing elsewhere. Whatever is written to `output` appears above it. */
export class TerminalLine {
  /** The stream, for all other text. */
  readonly output: Output;
  readonly #stream: Output;
  #line = '';

  constructor(stream: Output) {
    this.#stream = stream;
    this.output = {
      get isTTY() {
        return stream.isTTY === true;
      },
      get columns() {
        return stream.columns ?? 80;
      },
      write: (text) => this.#write(text),
    };
  }

  /** Replaces the line; an empty one clears it. */
  show(line: string): void {
    if (this.#stream.isTTY !== true) return;
    this.#line = printable(line).slice(0, (this.#stream.columns ?? 80) - 1);
    this.#stream.write(`${CLEAR}${this.#line}`);
  }

  #write(text: string): unknown {
    if (this.#line === '') return this.#stream.write(text);
    // In one write, so that no other output gets in between.
    return this.#stream.write(`${CLEAR}${text}${text.endsWith('\n') ? this.#line : `\n${this.#line}`}`);
  }
}

/** Shows the events of each source in a terminal line while a poll runs. */
export class Progress {
  readonly #line: TerminalLine;
  readonly #events = new Map<string, number>();

  constructor(line: TerminalLine) {
    this.#line = line;
  }

  /** Counts a durable page. */
  readonly page = (source: string, added: PollStats): void => {
    this.#events.set(source, (this.#events.get(source) ?? 0) + added.emitted);
    this.#line.show(
      [...this.#events].map(([name, events]) => `${name}: ${counted(events, 'event')}`).join(' · '),
    );
  };

  /** Clears the line. */
  end(): void {
    this.#line.show('');
  }
}

/** Adds examples to a command's help; each must work when typed as shown. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
