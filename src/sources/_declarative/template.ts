import { Duration } from '@marcbachmann/cel-js/evaluator';
import type { Expression } from '../../core/cel/expression.ts';

/** The values of variables, by name. */
export type Variables = Readonly<Record<string, unknown>>;

interface Piece {
  readonly expression: string;
  /** Where the expression begins in the text. */
  readonly at: number;
}

/** Cuts a text at its `{{ }}`. */
export function cutTemplate(
  text: string,
): readonly (string | Piece)[] | { readonly message: string; readonly at: number } {
  const parts: (string | Piece)[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf('{{', at);
    if (open < 0) break;
    const close = endOf(text, open + 2);
    if (close < 0) return { message: '`{{` without `}}`', at: open };
    if (open > at) parts.push(text.slice(at, open));
    parts.push({ expression: text.slice(open + 2, close), at: open + 2 });
    at = close + 2;
  }
  const rest = text.slice(at);
  return rest === '' && parts.length > 0 ? parts : [...parts, rest];
}

/** Where the `}}` of an expression is: braces and texts inside it are skipped. Negative: nowhere. */
function endOf(text: string, from: number): number {
  let depth = 0;
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (quote !== '') {
      if (character === '\\') at += 1;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '{') depth += 1;
    else if (character === '}' && depth > 0) depth -= 1;
    else if (character === '}' && text[at + 1] === '}') return at;
  }
  return -1;
}

/** A text with expressions in it. */
export class Template {
  readonly #parts: readonly (string | number | boolean | Expression)[];

  constructor(parts: readonly (string | number | boolean | Expression)[]) {
    this.#parts = parts;
  }

  /** The expressions in it. */
  get expressions(): readonly Expression[] {
    return this.#parts.filter((part) => typeof part === 'object');
  }

  /** The text before its first expression; all of it when there is none. */
  get beginning(): string {
    const [first = ''] = this.#parts;
    return typeof first === 'object' ? '' : String(first);
  }

  /** Whether it is exactly one expression. */
  get isSingle(): boolean {
    return this.#parts.length === 1 && typeof this.#parts[0] === 'object';
  }

  /**
   * The value of a template that is exactly one expression or constant, in its type; of others the text. Undefined: absent.
   * @throws Error when an expression fails
   */
  value(variables: Variables): unknown {
    const [only] = this.#parts;
    if (this.#parts.length !== 1 || only === undefined) return this.text(variables);
    return typeof only === 'object' ? evaluate(only, variables) : only;
  }

  /** What stands in a text in place of each expression; undefined when the text was not made by this template. */
  capture(text: string): readonly { readonly expression: Expression; readonly text: string }[] | undefined {
    const pattern = this.#parts.map((part) => (typeof part === 'object' ? '(.*?)' : escaped(String(part))));
    const found = new RegExp(`^${pattern.join('')}$`, 's').exec(text);
    return found === null
      ? undefined
      : this.expressions.map((expression, index) => ({ expression, text: found[index + 1] ?? '' }));
  }

  /**
   * The text; what is absent is empty. `encode`: applied to the text of each expression.
   * @throws Error when an expression fails
   */
  text(variables: Variables, encode: (text: string) => string = (text) => text): string {
    return this.#parts
      .map((part) => (typeof part === 'object' ? encode(textOf(evaluate(part, variables))) : String(part)))
      .join('');
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

function evaluate(expression: Expression, variables: Variables): unknown {
  const outcome = expression.evaluate(variables);
  if ('failed' in outcome) throw new Error(`The expression ${expression.text} failed: ${outcome.failed}.`);
  return 'value' in outcome ? plain(outcome.value) : undefined;
}

/** A result of CEL as JSON has it: integers that a double holds are numbers, times and durations are text. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint')
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Duration) return value.toString();
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

/** The text of a value; '' when it is absent. @throws Error for a list or a map */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'object')
    throw new Error('An expression in a text gives a list or a map; use join().');
  return `${value as string | number | bigint | boolean}`;
}
