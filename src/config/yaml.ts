import { isAlias, LineCounter, parseDocument, visit, type Alias, type Document, Lexer } from 'yaml';
import type { Problems, Place } from './problems.ts';

/** The text of a YAML file. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

/** A parsed YAML file whose nodes know their places. */
export class ParsedFile {
  readonly file: string;
  readonly document: Document;
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #targets = new Map<Alias, unknown>();

  constructor({ file, text }: SourceFile) {
    this.file = file;
    this.#text = text;
    // Duplicate keys are found later, where both places are known.
    this.document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
    this.#findTargets();
  }

  /** The node that an alias points to; any other node itself. */
  target(node: unknown): unknown {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  /** In one pass, because the library's own way searches the whole document for each alias. */
  #findTargets(): void {
    const anchors = new Map<string, unknown>();
    visit(this.document, {
      Node: (_key, node) => {
        if (isAlias(node)) this.#targets.set(node, anchors.get(node.source));
        else if (node.anchor !== undefined) anchors.set(node.anchor, node);
      },
    });
  }

  /**
   * The place of a character of a scalar's value, counted from 0. `start`: where the scalar begins, from 0. Quotes, escapes,
   * indentation and folding are skipped.
   */
  placeIn(start: number, value: string, offset: number): Place {
    const text = this.#text;
    let at = /^[|>]/.test(text.slice(start, start + 1)) ? text.indexOf('\n', start) + 1 : start;
    for (let index = 0; index <= offset && index < value.length; index += 1) {
      const wanted = value[index] ?? '';
      while (at < text.length && text[at] !== wanted && !(/\s/.test(wanted) && /\s/.test(text[at] ?? '')))
        at += 1;
      if (index < offset) at += 1;
    }
    return this.place(offset < value.length ? at : Math.min(at, text.length));
  }

  /** As `placeIn`, for the scalar at a place. An alias has the place of the alias. */
  placeWithin(place: Place, value: string, offset: number): Place {
    const start = (this.#lines.lineStarts[place.line - 1] ?? 0) + place.column - 1;
    return this.#text[start] === '*' ? place : this.placeIn(start, value, offset);
  }

  /** The place of a character, counted from 0. */
  place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

/**
 * Parses the files. Only the first error of a file is reported: later ones, and problems that the schemas would find, may
 * only result from how the parser recovers.
 */
export function parseFiles(files: readonly SourceFile[], problems: Problems): ParsedFile[] {
  return files.flatMap((file) => {
    const excess = findExcess(file.text);
    if (excess !== undefined) {
      problems.add(placeIn(file, excess.offset), [], excess.message);
      return [];
    }
    const parsed = new ParsedFile(file);
    const [fault] = [...parsed.document.errors, ...parsed.document.warnings];
    if (fault !== undefined) problems.add(parsed.place(fault.pos[0]), [], explain(fault, file.text));
    return [parsed];
  });
}

function placeIn({ file, text }: SourceFile, offset: number): Place {
  const lines = text.slice(0, offset).split('\n');
  return { file, line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

function explain({ pos, message }: { pos: [number, number]; message: string }, text: string): string {
  if (text.slice(pos[0] - 1, pos[0] + 1) === '${') return 'invalid YAML: quote "${…}" inside { } or [ ]';
  // The parser quotes the text, which may be a secret.
  if (/\btabs?\b/i.test(message)) return 'invalid YAML: indent with spaces, not tabs';
  const fault = message.replace(/(?: in YAML stream)?: ["'\s].*$/s, '');
  return `invalid YAML: ${fault.charAt(0).toLowerCase()}${fault.slice(1)}`;
}

/** No option needs more than a few levels, and the parser would need hundreds of megabytes for a hundred thousand. */
const MAX_LEVELS = 1000;
/** Limit for all files, with aliases followed: aliases can turn a few lines into more values than fit into memory. */
export const MAX_VALUES = 200_000;

/** Something that would take too much time or memory to parse. */
interface Excess {
  readonly offset: number;
  readonly message: string;
}

/**
 * Where a YAML text exceeds the limits on levels or values; undefined if it does not. Levels are counted by
 * brackets, and by the dashes and question marks of one line: nesting by indentation is bounded by the file's size.
 */
export function findExcess(text: string): Excess | undefined {
  let [offset, brackets, dashes, values] = [0, 0, 0, 0];
  for (const token of new Lexer().lex(text)) {
    if (token === '\n') dashes = 0;
    else if (token === '[' || token === '{') brackets += 1;
    else if (token === ']' || token === '}') brackets -= 1;
    else if ((token === '-' || token === '?') && brackets === 0) dashes += 1;
    if (SEPARATORS.has(token)) values += 1;
    if (brackets + dashes > MAX_LEVELS) return { offset, message: `nested deeper than ${MAX_LEVELS} levels` };
    if (values > MAX_VALUES) return { offset, message: `more than ${MAX_VALUES} values` };
    offset += MARKS.has(token) ? 0 : token.length;
  }
  return undefined;
}

const SEPARATORS = new Set([',', '-', ':', '[', '{']);

/** Control characters by which the lexer marks documents and scalars; they are not in the text. */
const MARKS = new Set(['\u0002', '\u0018', '\u001F']);
