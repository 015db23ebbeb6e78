import { parseJson } from '../core/json.ts';
import type { Gap, LedgerValue, Span } from '../core/source.ts';
import type { LedgerEntry } from './collection.ts';
import type { LedgerKey } from './ledger-key.ts';

/** An entry as the table `ledger` holds it. */
export interface LedgerRow extends LedgerKey {
  readonly uid: string;
  /** JSON. */
  readonly value: string;
}

/** How much of a prefix is in memory at once; at least one entry. */
export const PART = { entries: 1_000, bytes: 1_048_576 } as const;

/** Entries within this share of the oldest entry's age are forgotten together with it. */
const AGE_STEP = 1 / 20;

/** What an entry takes besides its texts: row, index and the pages' free space. Bytes, about; measured on SQLite. */
const OVERHEAD = 48;

/** The bytes of an entry, about, as SQL over its columns. The key counts twice, because an index holds it too. */
export const ENTRY_BYTES = `(2 * octet_length(key) + coalesce(octet_length(rest), 0) + octet_length(uid) + octet_length(value) + ${OVERHEAD})`;

/** As `ENTRY_BYTES`. */
export function entryBytes({ key, rest, uid, value }: LedgerRow): number {
  const [once, twice] = [`${rest ?? ''}${uid}${value}`, key];
  return Buffer.byteLength(once) + 2 * Buffer.byteLength(twice) + OVERHEAD;
}

export function toEntry({ uid, value }: LedgerRow): LedgerEntry {
  return { uid, value: parseJson(value) as LedgerValue };
}

/**
 * The time up to which entries are forgotten when the oldest is this old. Many streams may have entries of about the same
 * age: they are not forgotten one by one.
 */
export function forgottenUntil(oldest: number, now: number): number {
  return oldest + Math.max(0, now - oldest) * AGE_STEP;
}

/** The gap that forgotten entries leave. Some are dated far ahead, so that they are kept long: the gap ends now. */
export function forgottenGap({ from, to }: Span, reason: string, now: number): Gap {
  return { from: Math.min(from, now), to: Math.min(to, now), reason, part: '' };
}
