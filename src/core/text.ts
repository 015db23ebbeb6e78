/**
 * Characters that would act on a terminal instead of being visible: control characters (C0, DEL, C1), line and paragraph
 * separators, invisible and bidirectional format characters, lone surrogates. Joiners stay: scripts and emoji need them.
 */
const UNPRINTABLE = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Makes foreign text, such as a vendor's, safe for one line of a terminal, by escaping unprintable characters. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => SHORT[character] ?? escaped(character));
}

/** As `printable`, for text of several lines: line feeds stay. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** A JSON text of exactly the same value that is safe for a terminal. */
export function printableJson(json: string): string {
  return json.replaceAll(UNPRINTABLE, escaped);
}

/** Makes every string in a value printable; the lines of an error's stack stay. */
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

/** Percent-encodes a part of a URL. What is not well-formed UTF-16, as in an odd id of a vendor, becomes U+FFFD. */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** `1 stream`, `1,200 streams`. `many`: where it is not `one` and an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/** A whole number with commas between its thousands; `toLocaleString` would load the data of all languages. */
export function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** Milliseconds as a duration: `2h`, `1h 30m`, rounded to whole seconds. */
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
