/**
 * What would act on a terminal instead of being seen on it: control characters (C0, DEL, C1), line and paragraph
 * separators, invisible and bidirectional format characters, lone surrogates. Joiners stay: scripts and emoji need them.
 */
const UNPRINTABLE = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text of others, such as a vendor's, made fit for one line of a terminal: what would act on it is written as an escape. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => SHORT[character] ?? escaped(character));
}

/** As `printable`, for text of several lines: line feeds stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** A JSON text, exactly the same value, in which nothing acts on a terminal. */
export function printableJson(json: string): string {
  return json.replaceAll(UNPRINTABLE, escaped);
}

/** Every string in a value made printable; of an error's stack, the lines stay. */
export function printableValue(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return name === 'stack_trace' ? printableLines(value) : printable(value);
  if (Array.isArray(value)) return value.map((member) => printableValue(member));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [printable(key), printableValue(member, key)]),
  );
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** A part of a URL. What is not well-formed UTF-16, as an odd id of a vendor, has no bytes: U+FFFD stands for it. */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** Milliseconds as an operator writes a duration: `2h`, `1h 30m`, rounded to whole seconds; `0s` for less than half of one. */
export function showDuration(ms: number): string {
  let left = Math.round(ms / 1_000) * 1_000;
  const parts: string[] = [];
  for (const [unit, length] of UNITS) {
    const count = Math.floor(left / length);
    if (count > 0) parts.push(`${count}${unit}`);
    left -= count * length;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}
