import { isUtf8 } from 'node:buffer';

const MASK = '[secret]';

/** What is masked, in the text as it came: from, and to before. */
type Range = readonly [from: number, to: number];

/** Finds many texts in one, in time that grows with that one alone. */
export class Masking {
  readonly #known = new Set<string>();
  readonly #index = new FormIndex();

  add(form: string): void {
    if (this.#known.has(form)) return;
    this.#known.add(form);
    this.#index.add(form);
  }

  /** `isCut`: the end of the text may be missing, so that the beginning of a form at its end is masked too. */
  mask(text: string, isCut = false): string {
    if (this.#known.size === 0 || text.length < SHORTEST) return text;
    const ranges = views(text).flatMap((view) => this.#find(view, isCut));
    return ranges.length === 0 ? text : replace(text, ranges);
  }

  #find({ text, origins }: View, isCut: boolean): Range[] {
    const ranges: Range[] = [];
    for (let at = 0; at <= text.length - SHORTEST; at += 1) {
      const length = this.#index.lengthAt(text, at, isCut);
      if (length > 0) ranges.push([origins[at] ?? 0, origins[at + length] ?? 0]);
    }
    return ranges;
  }
}

/** Ranges that overlap are one, so that a secret within another one leaves nothing of it. */
function replace(text: string, ranges: readonly Range[]): string {
  const united: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = united.at(-1);
    if (last !== undefined && from < last[1]) last[1] = Math.max(last[1], to);
    else united.push([from, to]);
  }
  let masked = '';
  let end = 0;
  for (const [from, to] of united) {
    masked += text.slice(end, from) + MASK;
    end = to;
  }
  return masked + text.slice(end);
}

/** As many forms are compared one by one; more are told apart by their next characters. */
const FEW = 16;

/** Characters that are told apart in one step. */
const STEP = 4;

/**
 * Texts by their beginnings: finds the longest that stands at a place in time that grows with its length, not with how
 * many there are (hundreds of tokens begin alike).
 */
export class FormIndex {
  readonly #depth: number;
  /** All of them, or when there are children, those too short to be in one. */
  readonly #forms: string[] = [];
  #children: Map<number, FormIndex> | undefined;

  constructor(depth = 0) {
    this.#depth = depth;
  }

  add(form: string): void {
    if (this.#children === undefined) this.#forms.push(form);
    else this.#addBelow(this.#children, form);
    if (this.#children !== undefined || this.#forms.length <= FEW) return;
    this.#children = new Map();
    for (const moved of this.#forms.splice(0)) this.#addBelow(this.#children, moved);
  }

  /** The length of the longest at that place; 0 when there is none. `isCut`: the end of the text counts as any characters. */
  lengthAt(text: string, at: number, isCut: boolean): number {
    const rest = text.length - at;
    if (isCut && rest < this.#depth + STEP && this.#someBeginWith(text.slice(at))) return rest;
    let longest = 0;
    for (const form of this.#forms) {
      if (text.startsWith(form, at)) longest = Math.max(longest, form.length);
      else if (isCut && form.length > rest && form.startsWith(text.slice(at))) return rest;
    }
    const below = this.#children?.get(keyAt(text, at + this.#depth));
    return below === undefined ? longest : Math.max(longest, below.lengthAt(text, at, isCut));
  }

  #addBelow(children: Map<number, FormIndex>, form: string): void {
    if (form.length < this.#depth + STEP) {
      this.#forms.push(form);
      return;
    }
    const key = keyAt(form, this.#depth);
    const child = children.get(key) ?? new FormIndex(this.#depth + STEP);
    children.set(key, child);
    child.add(form);
  }

  #someBeginWith(text: string): boolean {
    if (this.#forms.some((form) => form.startsWith(text))) return true;
    return this.#children?.values().some((child) => child.#someBeginWith(text)) === true;
  }
}

/** A number by which most that differ in the next four characters differ. */
function keyAt(text: string, at: number): number {
  return (
    text.charCodeAt(at) ^
    (text.charCodeAt(at + 1) << 8) ^
    (text.charCodeAt(at + 2) << 16) ^
    (text.charCodeAt(at + 3) << 24)
  );
}

/** Shorter values are no secrets worth the name, and masking them would riddle every line. */
export const SHORTEST = 4;

/** Escapes within escapes: JSON in JSON, in a URL, in a page. */
const DEPTH = 4;

/** A text as it stands, and with its escapes read once, twice and so on, as long as there are some. */
export function views(text: string): readonly View[] {
  const found = [plainView(text)];
  for (let view = unescape(plainView(text)); view !== undefined; view = unescape(view)) {
    found.push(view);
    if (found.length > DEPTH) break;
  }
  return found;
}

/** What to look for, in every view of a text, to find a secret in whatever spelling. */
export function formsOf(secret: string): readonly string[] {
  const plain = views(secret).map(({ text }) => text);
  const forms = [...plain, secret.replaceAll(' ', '+'), ...wholeBase64(secret), ...base64Within(secret)];
  return forms.filter((form) => form.length >= SHORTEST);
}

function wholeBase64(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const [standard, url] = [bytes.toString('base64'), bytes.toString('base64url')];
  return [standard, standard.replace(/=+$/, ''), url, url.padEnd(standard.length, '=')];
}

/** What base64 makes of a secret that stands within a longer text (`user:password`), at each of the three offsets. */
function base64Within(secret: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    // Digits that also hold bits of the text before or after it are left out.
    const own = [Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6)] as const;
    return [bytes.toString('base64').slice(...own), bytes.toString('base64url').slice(...own)];
  });
}

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
