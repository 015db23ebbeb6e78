import { Lexer } from 'yaml';

/** No option needs more than a few levels; the parser would take hundreds of megabytes for a hundred thousand. */
const MAX_LEVELS = 1000;
/** Of all files, aliases followed. Aliases can make a few lines into more values than any memory holds. */
export const MAX_VALUES = 200_000;

/** Something that cannot be parsed in reasonable time and memory. */
interface Excess {
  readonly offset: number;
  readonly message: string;
}

/**
 * Where a YAML text has more levels or values than are parsed; undefined where it has not. Levels are counted by
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
    if (brackets + dashes > MAX_LEVELS)
      return { offset, message: 'expected fewer levels: this is nested too deeply to be read' };
    if (values > MAX_VALUES) return { offset, message: `expected at most ${MAX_VALUES} values` };
    offset += MARKS.has(token) ? 0 : token.length;
  }
  return undefined;
}

const SEPARATORS = new Set([',', '-', ':', '[', '{']);

/** The lexer marks documents and scalars by control characters that are not in the text. */
const MARKS = new Set(['\u0002', '\u0018', '\u001F']);
