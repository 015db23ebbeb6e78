import { hash } from 'node:crypto';
import { fromStored, toStored } from './stored-text.ts';

/** Longer keys are stored as their beginning and a hash. Characters. */
const LONGEST = 96;
/** How much of a long key stays readable, so that it is found by its prefix. Characters. */
const HEAD = 32;
/** Between beginning and hash: nothing that `toStored` makes holds it. */
const MARK = '\\#';
/** Above every stored text that begins with what stands before it. */
const LAST = '\u{10FFFF}';

/** A ledger key as the tables hold it. */
export interface LedgerKey {
  /** Unique in its stream, and never long: an index holds it a second time. */
  readonly key: string;
  /** What a long key goes on with after its beginning; null for a short one. */
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

/** The key that was stored; of a long one that is only compared, its beginning and its hash. */
export function keyText({ key, rest }: LedgerKey): string {
  return fromStored(rest === null ? key : key.slice(0, key.indexOf(MARK)) + rest);
}

/** Whether only a hash of the key is kept. */
export function isHashed({ key, rest }: LedgerKey): boolean {
  return rest === null && key.includes(MARK);
}

/** The key as the tables hold it of which `keyText` gave beginning and hash. */
export function hashedKey(text: string): LedgerKey {
  const mark = text.lastIndexOf(MARK);
  return { key: toStored(text.slice(0, mark)) + text.slice(mark), rest: null };
}

/** Where the stored keys are that may begin with a prefix; others may be there too, where half a pair ends it or it is long. */
export function keyRange(prefix: string): { readonly first: string; readonly last: string } {
  const whole = toStored(prefix.replace(/[\uD800-\uDBFF]$/, ''));
  const first = whole.length > HEAD ? headOf(whole) : whole;
  return { first, last: first + LAST };
}

/** Cuts no escape, and no pair of surrogates, in two. */
function headOf(whole: string): string {
  return whole.slice(0, HEAD).replace(/(?:\\[0-9a-f]{0,3}|[\uD800-\uDBFF])$/, '');
}
