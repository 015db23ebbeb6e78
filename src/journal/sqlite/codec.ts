import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { JournaledEvent } from '../../core/event.ts';

/** Measured on pages of 10 and 1000 events: level 1 is both faster and smaller than deflate, and no level above pays. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/**
 * A page's events as the journal stores them: zstd over JSON. Plain JSON, since an ECS value is never a BigInt and a
 * double comes back as the same double, which is what makes a repeat byte-identical.
 */
export function packEvents(events: readonly JournaledEvent[]): Uint8Array {
  return zstdCompressSync(JSON.stringify(events), LEVEL);
}

export function unpackEvents(packed: Uint8Array): readonly JournaledEvent[] {
  return JSON.parse(zstdDecompressSync(packed).toString()) as readonly JournaledEvent[];
}
