import { hash } from 'node:crypto';
import { fromStored, toStored } from './stored-text.ts';

/** Longer keys are stored as their beginning and a hash. Characters. */
const LONGEST = 96;
/** How much of a long key is stored as it is, so that a prefix finds it. Characters. */
const HEAD = 32;
/** Between beginning and hash. No result of `toStored` contains it. */
const MARK = '\\#';
/** Sorts behind every stored text that continues the same prefix. */
const LAST = '\u{10FFFF}';

/** A ledger key as the tables hold it. */
export interface LedgerKey {
  /** Unique in its stream, and never long: an index holds it a second time. */
  readonly key: string;
  /** The rest of a long key; null for a short one. */
  readonly rest: string | null;
}

export function ledgerKey(text: string): LedgerKey {
  const whole = toStored(text);
  if (whole.length <= LONGEST) return { key: whole, rest: null };
  const head = headOf(whole);
  return {
    key: `${head}${MARK}${hash('sha256', whole, 'base64url').slice(0, 27)}`,
    rest: whole.slice(head.length),
  };
}

/** The original key; of a long key that is stored as a hash, its beginning and the hash. */
export function keyText({ key, rest }: LedgerKey): string {
  return fromStored(rest === null ? key : key.slice(0, key.indexOf(MARK)) + rest);
}

/** Whether only a hash of the key is kept. */
export function isHashed({ key, rest }: LedgerKey): boolean {
  return rest === null && key.includes(MARK);
}

/** Reverses `keyText` for a key that is stored as a hash. */
export function hashedKey(text: string): LedgerKey {
  const mark = text.lastIndexOf(MARK);
  return { key: toStored(text.slice(0, mark)) + text.slice(mark), rest: null };
}

/** The range of the stored keys with a prefix. It may hold others too, if the prefix is long or ends in half a pair. */
export function keyRange(prefix: string): { readonly first: string; readonly last: string } {
  const whole = toStored(prefix.replace(/[\uD800-\uDBFF]$/, ''));
  const first = whole.length > HEAD ? headOf(whole) : whole;
  return { first, last: first + LAST };
}

/** Never cuts an escape or a surrogate pair in two. */
function headOf(whole: string): string {
  return whole.slice(0, HEAD).replace(/(?:\\[0-9a-f]{0,3}|[\uD800-\uDBFF])$/, '');
}
