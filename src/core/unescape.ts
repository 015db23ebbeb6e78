import { isUtf8 } from 'node:buffer';

/** A text with escapes read, and where each of its characters came from. */
export interface View {
  readonly text: string;
  /** By index of `text`, its length included: the index in the first text. */
  readonly origins: Uint32Array;
}

/** `%41`, `%u0041`; `&#65;`, `&#x41;`, `&amp;`; `\u0041`, `\u{41}`, `\x41`, `\101`, `\/`: of any writer, in either case of digits. */
const ESCAPE =
  /%u(?<percentUnit>[\da-f]{4})|(?<bytes>(?:%[\da-f]{2})+)|&(?:#x(?<hex>[\da-f]{1,6})|#(?<decimal>\d{1,7})|(?<entity>[a-z]{2,6}));?|\\(?:u\{(?<point>[\da-f]{1,6})\}|u(?<unit>[\da-f]{4})|x(?<byte>[\da-f]{2})|(?<octal>[0-3][0-7]{2})|(?<letter>["'\\/bfnrt]))/gi;

/** The named entities that stand for ASCII (HTML, "Named character references"). */
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  apos: "'",
  ast: '*',
  bsol: '\\',
  colon: ':',
  comma: ',',
  commat: '@',
  dollar: '$',
  equals: '=',
  excl: '!',
  grave: '`',
  gt: '>',
  hat: '^',
  lbrace: '{',
  lbrack: '[',
  lcub: '{',
  lowbar: '_',
  lpar: '(',
  lsqb: '[',
  lt: '<',
  num: '#',
  percnt: '%',
  period: '.',
  plus: '+',
  quest: '?',
  quot: '"',
  rbrace: '}',
  rbrack: ']',
  rcub: '}',
  rpar: ')',
  rsqb: ']',
  semi: ';',
  sol: '/',
  verbar: '|',
  vert: '|',
};

const LETTERS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** The text as it stands. */
export function plainView(text: string): View {
  return { text, origins: Uint32Array.from({ length: text.length + 1 }, (_, index) => index) };
}

/** Reads every escape once; undefined when there is none. What only looks like an escape stays. Linear. */
export function unescape({ text, origins }: View): View | undefined {
  let output = '';
  const from = new Uint32Array(text.length + 1);
  const add = (piece: string, at: number, step: number) => {
    for (let index = 0; index < piece.length; index += 1) {
      from[output.length + index] = origins[at + index * step] ?? 0;
    }
    output += piece;
  };
  let end = 0;
  for (const match of text.matchAll(ESCAPE)) {
    add(text.slice(end, match.index), end, 1);
    end = match.index + match[0].length;
    const { bytes } = match.groups ?? {};
    if (bytes === undefined) add(characterOf(match.groups ?? {}) ?? match[0][0] ?? '', match.index, 0);
    else for (const { character, index } of charactersOf(bytes)) add(character, match.index + index * 3, 0);
    // What is no escape after all: its first character stands for itself, and the rest follows.
    if (bytes === undefined && characterOf(match.groups ?? {}) === undefined) {
      add(match[0].slice(1), match.index + 1, 1);
    }
  }
  if (end === 0) return undefined;
  add(text.slice(end), end, 1);
  from[output.length] = origins[text.length] ?? 0;
  return { text: output, origins: from.subarray(0, output.length + 1) };
}

function characterOf(groups: Readonly<Record<string, string | undefined>>): string | undefined {
  const { decimal, octal, entity, letter } = groups;
  if (entity !== undefined) return ENTITIES[entity.toLowerCase()];
  if (letter !== undefined) return LETTERS[letter] ?? letter;
  if (decimal !== undefined) return fromPoint(Number(decimal));
  if (octal !== undefined) return fromPoint(Number.parseInt(octal, 8));
  const hex = groups['percentUnit'] ?? groups['hex'] ?? groups['point'] ?? groups['unit'] ?? groups['byte'];
  return fromPoint(Number.parseInt(hex ?? '', 16));
}

function fromPoint(point: number): string | undefined {
  return point <= 0x10_ff_ff ? String.fromCodePoint(point) : undefined;
}

/** The characters of percent-encoded bytes: UTF-8, and where it is none, Latin-1. `index` counts bytes. */
function* charactersOf(escaped: string): Iterable<{ readonly character: string; readonly index: number }> {
  const bytes = Buffer.from(escaped.replaceAll('%', ''), 'hex');
  for (let index = 0; index < bytes.length;) {
    const length = sequenceLength(bytes[index] ?? 0);
    const sequence = bytes.subarray(index, index + length);
    const decoded = sequence.toString('utf8');
    const isWhole = length > 0 && isUtf8(sequence);
    yield { character: isWhole ? decoded : bytes.toString('latin1', index, index + 1), index };
    index += isWhole ? length : 1;
  }
}

/** Bytes of the UTF-8 sequence that begins so; 0 for none. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
