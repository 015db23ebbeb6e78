import { hash } from 'node:crypto';
import type { Extent } from './json-scan.ts';

/**
 * What a record may be, so that one can be made, compared, hashed, encoded and sent within the memory of a small
 * container. Deeper ones overflow the stack, and receivers refuse them as well (protobuf at 100 levels).
 */
export const LIMITS = { bytes: 4_194_304, depth: 100, values: 200_000 } as const;

/** What is kept of a record that is too large. Bytes. */
const HEAD = 65_536;

/** A record that no value is made of, since it is too large or too deep: it becomes a `pipeline_error`. */
export class Unreadable {
  /** As the vendor wrote it; the first 64 KiB of one that is too large. */
  readonly text: string;
  /** What is wrong with it, in words. */
  readonly problem: string;
  readonly #digest: string;

  /** `bytes`: the whole record. */
  constructor(bytes: Uint8Array, extent: Extent) {
    const large = bytes.length > LIMITS.bytes || extent.values > LIMITS.values;
    this.text = beginning(bytes, large ? HEAD : bytes.length);
    this.problem = large
      ? `the record is too large: ${bytes.length} bytes with ${extent.values} values, and at most ${LIMITS.bytes} bytes with ${LIMITS.values} values are handled; event.original holds its beginning`
      : `the record is nested ${extent.depth} levels deep, and at most ${LIMITS.depth} are handled`;
    this.#digest = hash('sha256', bytes);
  }

  /** What stands for it where records are compared and hashed: the same for the same bytes. */
  toJSON(): unknown {
    return { unreadable: this.#digest };
  }
}

/** Whether a value may be made of it. */
export function isReadable({ from, to, depth, values }: Extent): boolean {
  return to - from <= LIMITS.bytes && depth <= LIMITS.depth && values <= LIMITS.values;
}

/** Without the half of a character that is cut. */
function beginning(bytes: Uint8Array, length: number): string {
  return new TextDecoder().decode(bytes.subarray(0, length), { stream: length < bytes.length });
}
