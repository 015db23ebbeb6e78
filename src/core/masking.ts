import { isUtf8 } from 'node:buffer';
import { FormIndex } from './form-index.ts';

const MASK = '[secret]';

/** A range to mask in the original text: from (inclusive), to (exclusive), and what takes its place. */
type Range = readonly [from: number, to: number, replacement: string];

/**
 * Masks known forms of secrets, or of other values, in a text. The time depends on the text only, not on how many forms
 * there are.
 */
export class Masking {
  readonly #replacementOf: (form: string) => string;
  /** How often each form was added, and not removed since. */
  readonly #known = new Map<string, number>();
  readonly #index = new FormIndex();

  /** `replacementOf`: what takes the place of a form; where forms overlap, that of the first. */
  constructor(replacementOf: (form: string) => string = () => MASK) {
    this.#replacementOf = replacementOf;
  }

  add(form: string): void {
    const times = this.#known.get(form) ?? 0;
    this.#known.set(form, times + 1);
    if (times === 0) this.#index.add(form);
  }

  /** Undoes one `add`. */
  remove(form: string): void {
    const times = this.#known.get(form) ?? 0;
    if (times > 1) this.#known.set(form, times - 1);
    else if (this.#known.delete(form)) this.#index.remove(form);
  }

  /** `isCut`: the text may have been cut, so the beginning of a form at its end is masked too. */
  mask(text: string, isCut = false): string {
    if (this.#known.size === 0 || text.length < SHORTEST) return text;
    const ranges = views(text).flatMap((view) => this.#find(view, isCut));
    return ranges.length === 0 ? text : replace(text, ranges);
  }

  #find({ text, origins }: View, isCut: boolean): Range[] {
    const ranges: Range[] = [];
    for (let at = 0; at <= text.length - SHORTEST; at += 1) {
      const length = this.#index.lengthAt(text, at, isCut);
      if (length === 0) continue;
      const replacement = this.#replacementOf(text.slice(at, at + length));
      ranges.push([origins[at] ?? 0, origins[at + length] ?? 0, replacement]);
    }
    return ranges;
  }
}

/** Replaces ranges, merging those that overlap, so that nothing is left of a secret that contains another one. */
function replace(text: string, ranges: readonly Range[]): string {
  const united: [number, number, string][] = [];
  for (const [from, to, replacement] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = united.at(-1);
    if (last !== undefined && from < last[1]) last[1] = Math.max(last[1], to);
    else united.push([from, to, replacement]);
  }
  let masked = '';
  let end = 0;
  for (const [from, to, replacement] of united) {
    masked += text.slice(end, from) + replacement;
    end = to;
  }
  return masked + text.slice(end);
}

/** Shorter values are not masked: masking them would make logs unreadable. Characters. */
export const SHORTEST = 4;

/** How many levels of nested escapes are decoded: JSON in JSON, in a URL, in a page. */
const MAX_ESCAPE_DEPTH = 4;

/** A text as it is, and with its escapes decoded once, twice and so on, while it has some. */
export function views(text: string): readonly View[] {
  const found = [plainView(text)];
  for (let view = unescape(plainView(text)); view !== undefined; view = unescape(view)) {
    found.push(view);
    if (found.length > MAX_ESCAPE_DEPTH) break;
  }
  return found;
}

/** The forms to look for, in every view of a text, to find a secret in any encoding. */
export function formsOf(secret: string): readonly string[] {
  const plain = views(secret).map(({ text }) => text);
  const hex = Buffer.from(secret).toString('hex');
  const forms = [
    ...plain,
    secret.replaceAll(' ', '+'),
    ...wholeBase64(secret),
    ...base64Within(secret),
    hex,
    hex.toUpperCase(),
  ];
  return forms.filter((form) => form.length >= SHORTEST);
}

function wholeBase64(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const [standard, url] = [bytes.toString('base64'), bytes.toString('base64url')];
  return [standard, standard.replace(/=+$/, ''), url, url.padEnd(standard.length, '=')];
}

/** The base64 of a secret within a longer text (`user:password`), at each of the three offsets. */
function base64Within(secret: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    // Without the digits that also encode the text before or after it.
    const own = [Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6)] as const;
    return [bytes.toString('base64').slice(...own), bytes.toString('base64url').slice(...own)];
  });
}

/** A text with its escapes decoded, and where each of its characters came from. */
export interface View {
  readonly text: string;
  /** By index of `text`, including its length: the index in the original text. */
  readonly origins: Uint32Array;
}

/** `%41`, `%u0041`; `&#65;`, `&#x41;`, `&amp;`; `\u0041`, `\u{41}`, `\x41`, `\101`, `\/`: as any program writes them, in either case. */
const ESCAPE =
  /%u(?<percentUnit>[\da-f]{4})|(?<bytes>(?:%[\da-f]{2})+)|&(?:#x(?<hex>[\da-f]{1,6})|#(?<decimal>\d{1,7})|(?<entity>[a-z]{2,6}));?|\\(?:u\{(?<point>[\da-f]{1,6})\}|u(?<unit>[\da-f]{4})|x(?<byte>[\da-f]{2})|(?<octal>[0-3][0-7]{2})|(?<letter>["'\\/bfnrt]))/gi;

/** The named entities of ASCII characters (HTML, "Named character references"). */
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

/** The text without decoding. */
export function plainView(text: string): View {
  return { text, origins: Uint32Array.from({ length: text.length + 1 }, (_, index) => index) };
}

/** Decodes every escape once; undefined without any. What only looks like an escape stays. Takes linear time. */
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
    // Not an escape after all: its first character was added above, and this is the rest.
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

/** The characters of percent-encoded bytes: UTF-8, and Latin-1 where they are not valid UTF-8. `index` counts bytes. */
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

/** The length of the UTF-8 sequence that begins with this byte; 0 for an invalid one. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}
