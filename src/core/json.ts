/** Anything that JSON can carry, and integers beyond 2^53 as BigInt. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface ParseOptions {
  /** Names of number fields that are returned as the decimal text of the sender, because a double is not exact enough. */
  readonly decimalText?: readonly string[] | undefined;
}

/** Only a number with this many digits can be beyond 2^53; a text without one is parsed the fast way. */
const MANY_DIGITS = /\d{16}/;

/**
 * Parses JSON without losing digits: integers outside ±(2^53 − 1) become BigInt.
 * @throws SyntaxError when the text is not JSON
 */
export function parseJson(text: string, { decimalText = [] }: ParseOptions = {}): unknown {
  if (decimalText.length === 0 && !MANY_DIGITS.test(text)) return JSON.parse(text);
  return JSON.parse(
    text,
    function exact(this: unknown, key: string, value: unknown, context?: { source?: string }) {
      if (typeof value !== 'number' || context?.source === undefined) return value;
      if (decimalText.includes(key)) return context.source;
      return Number.isSafeInteger(value) || !/^-?\d+$/.test(context.source) ? value : BigInt(context.source);
    },
  );
}

/** The JSON text of a value; BigInt is written as its digits. Keys keep their order. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // It contains a BigInt, which costs a call for each member; or it cannot be written, and this call throws the reason.
    return JSON.stringify(value, (_key, member: unknown) =>
      typeof member === 'bigint' ? (JSON as unknown as RawJson).rawJSON(member.toString()) : member,
    );
  }
}

/** A value as it is after it was stored as JSON and read again: members that are undefined are gone. */
export function asJson(value: object): Json {
  return parseJson(toJson(value)) as Json;
}

interface RawJson {
  rawJSON(text: string): unknown;
}
