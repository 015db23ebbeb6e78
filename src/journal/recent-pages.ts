import type { JournalPage, Position } from './delivery.ts';

/** Bytes that are kept in memory: two pages of a thousand login attempts. A delivery that keeps up is no further behind. */
const MOST_BYTES = 3 * 1024 * 1024;

/** The pages that this process committed last, so that a delivery that keeps up need not read and decompress them. */
export class RecentPages {
  readonly #pages = new Map<number, JournalPage>();
  #bytes = 0;

  /** Keeps a page. Call it when the page is durable: what was rolled back has no sequence number. */
  add(page: JournalPage): void {
    this.#pages.set(page.sequence, page);
    this.#bytes += bytesHeld(page);
    for (const [sequence, oldest] of this.#pages) {
      if (this.#bytes <= MOST_BYTES) break;
      this.#pages.delete(sequence);
      this.#bytes -= bytesHeld(oldest);
    }
  }

  /** All of them, oldest first. They may have been trimmed. */
  all(): readonly JournalPage[] {
    return [...this.#pages.values()];
  }

  /** The page with the record at a position; undefined when it is not one of the last. It may have been trimmed. */
  at({ sequence, offset }: Position): JournalPage | undefined {
    const page = this.#pages.get(sequence);
    return page !== undefined && offset < page.count ? page : undefined;
  }
}

/** The whole buffer stays in memory, whatever part of it the records take. */
function bytesHeld({ bytes }: JournalPage): number {
  return bytes.buffer.byteLength;
}
