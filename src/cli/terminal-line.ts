import { printable } from '../core/text.ts';
import type { Output } from './io.ts';

const CLEAR = '\r\u001b[K';

/**
 * One line at the bottom of a terminal that says how far something has come; nothing where there is no terminal. What
 * else is written to `output` stands above it.
 */
export class TerminalLine {
  /** The stream, for whatever else is written to it. */
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

  /** Shows the line instead of the one before; an empty one clears it. */
  show(line: string): void {
    if (this.#stream.isTTY !== true) return;
    this.#line = printable(line).slice(0, (this.#stream.columns ?? 80) - 1);
    this.#stream.write(`${CLEAR}${this.#line}`);
  }

  #write(text: string): unknown {
    if (this.#line === '') return this.#stream.write(text);
    // In one piece, so that nothing comes in between.
    return this.#stream.write(`${CLEAR}${text}${text.endsWith('\n') ? this.#line : `\n${this.#line}`}`);
  }
}
