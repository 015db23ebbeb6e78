import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** What a page takes besides its records: its row, and its entries in the indexes. Bytes, about. */
export const ROW = 100;

/** Measured on pages of 10 and 1000 records: level 1 is faster and smaller than deflate, and higher levels gain nothing. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** The first byte of a zstd frame (RFC 8878 §3.1.1). Encoded records begin with the tag 0x12. */
const ZSTD = 0x28;

/** A page's records as the journal stores them: compressed, or as they are where that is smaller. */
export function pack(records: Uint8Array): Uint8Array {
  const packed = zstdCompressSync(records, LEVEL);
  return packed.length < records.length ? packed : records;
}

/**
 * Reverses `pack`. What was damaged so that it cannot be decompressed stays as it is: no record begins like that, so its
 * reader finds that it holds none, and one page does not hold up all others.
 */
export function unpack(packed: Uint8Array): Uint8Array {
  if (packed[0] !== ZSTD) return packed;
  try {
    return zstdDecompressSync(packed);
  } catch {
    return packed;
  }
}
