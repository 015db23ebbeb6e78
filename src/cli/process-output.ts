import type { Output } from './io.ts';

/** A stream of the process, such as `process.stderr`. */
type ProcessStream = NodeJS.WriteStream & { readonly fd: 1 | 2 };

/**
 * Standard error of a process that works on when its reader is gone (`| head`) or its disk is full: what cannot be written
 * is counted. Node would end the process with exit 1 at the first such error.
 */
export class LogOutput implements Output {
  readonly #stream: ProcessStream;
  #lost = 0;

  constructor(stream: ProcessStream) {
    this.#stream = stream;
    // Each write's own callback counts it.
    stream.on('error', () => undefined);
  }

  get isTTY(): boolean {
    return this.#stream.isTTY;
  }

  get columns(): number {
    return this.#stream.columns;
  }

  /** Writes that failed. */
  get lost(): number {
    return this.#lost;
  }

  write(text: string): void {
    try {
      this.#stream.write(text, (error) => {
        if (error != null) this.#lost += 1;
      });
    } catch {
      // A file on a full disk throws at once.
      this.#lost += 1;
    }
  }
}
