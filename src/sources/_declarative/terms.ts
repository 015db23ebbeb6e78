import { Duration } from '@marcbachmann/cel-js/evaluator';
import { Compiler, type Expression, membersUsed, type VariableType } from '../../core/cel/expression.ts';
import { TIMESTAMP } from '../../core/cel/functions.ts';
import { didYouMean, type Path } from '../../config/problems.ts';
import { Secret } from '../../core/secret.ts';
import type { Checks } from './checks.ts';
import type { RawOption } from './schema.ts';
import { cutTemplate, Template, type Variables } from './template.ts';

/** The options that expressions may use, besides the definition's own. */
const COMMON = { base_url: 'string', token: 'secret', account: 'string' } as const;

type OptionType = RawOption['type'];

const TYPES: Readonly<Record<OptionType, string>> = {
  string: 'string',
  integer: 'int',
  boolean: 'bool',
  duration: 'google.protobuf.Duration',
  enum: 'string',
  list: 'list<string>',
  secret: 'string',
  file: 'string',
};

/** The options of a definition by type. A `file` is named in `auth`, never used in an expression. */
export type OptionTypes = ReadonlyMap<string, OptionType>;

/** The types of all options that a definition can name. */
export function optionTypes(own: Readonly<Record<string, RawOption>>): OptionTypes {
  return new Map<string, OptionType>([
    ...Object.entries(COMMON),
    ...Object.entries(own).map(([name, { type }]) => [name, type] as const),
  ]);
}

/** Where an expression stands: what it may use there. */
export interface Position {
  /** Variables besides `options`, by CEL type. */
  readonly variables?: Readonly<Record<string, VariableType>>;
  /** Whether a secret may be used. */
  readonly secrets?: boolean;
  /** Whether hashes and encodings may be used. */
  readonly auth?: boolean;
  /** False: `options` is not defined here. */
  readonly options?: boolean;
}

export const TIME = TIMESTAMP;

/** Compiles the expressions and templates that stand at one kind of place. */
export class Terms {
  readonly #checks: Checks;
  readonly #options: OptionTypes;
  readonly #position: Position;
  readonly #compiler: Compiler;
  /** The options that were used, with the first path that did. */
  readonly used = new Map<string, Path>();

  constructor(checks: Checks, options: OptionTypes, position: Position) {
    this.#checks = checks;
    this.#options = options;
    this.#position = position;
    const known = [...options]
      .filter(([, type]) => type !== 'file')
      .map(([name, type]) => [name, TYPES[type]] as const);
    const shared = position.options === false ? {} : { options: Object.fromEntries(known) };
    this.#compiler = new Compiler({
      variables: { ...position.variables, ...shared },
      auth: position.auth ?? false,
    });
  }

  /** An expression; undefined after its mistake was reported. `offset`: where it begins in the text at `path`. */
  expression(path: Path, text: string, offset = 0): Expression | undefined {
    const lead = text.length - text.trimStart().length;
    const compiled = this.#compiler.compile(text.trim());
    if ('at' in compiled) {
      const near = /^there is no `(\w+)`$/.exec(compiled.message)?.[1];
      const message = near === undefined ? compiled.message : this.#whyNoOption(near);
      this.#checks.add(path, message, offset + lead + compiled.at);
      return undefined;
    }
    return this.#allowsSecrets(path, compiled, offset + lead) ? compiled : undefined;
  }

  /** As `expression`, and of a type: `bool`. */
  typed(path: Path, text: string, type: string): Expression | undefined {
    const compiled = this.expression(path, text);
    if (compiled === undefined || [type, 'dyn', `optional<${type}>`, 'optional<dyn>'].includes(compiled.type))
      return compiled;
    this.#checks.add(path, `expected an expression of type ${type} (got ${compiled.type})`, 0);
    return undefined;
  }

  /** A template; undefined after its mistakes were reported. */
  template(path: Path, raw: string | number | boolean): Template | undefined {
    if (typeof raw !== 'string') return new Template([raw]);
    const cut = cutTemplate(raw);
    if ('message' in cut) {
      this.#checks.add(path, cut.message, cut.at);
      return undefined;
    }
    const parts = cut.map((part) =>
      typeof part === 'string' ? part : this.#piece(path, part.expression, part.at),
    );
    return parts.includes(undefined) ? undefined : new Template(parts as (string | Expression)[]);
  }

  #whyNoOption(name: string): string {
    if (this.#options.get(name) === 'file')
      return `\`${name}\` is a file, which \`auth\` names by \`file\`, \`key_file\` or \`certificate_file\`; no expression reads it`;
    const known = [...this.#options].filter(([, type]) => type !== 'file').map(([one]) => one);
    return `there is no option \`${name}\`${didYouMean(name, known, '`')}`;
  }

  #piece(path: Path, text: string, at: number): Expression | undefined {
    const compiled = this.expression(path, text, at);
    if (compiled === undefined || !/^(?:bytes|type)$/.test(compiled.type)) return compiled;
    this.#checks.add(path, `the result has type ${compiled.type}; use hex() or base64()`, at);
    return undefined;
  }

  #allowsSecrets(path: Path, { ast }: Expression, offset: number): boolean {
    if (this.#position.options === false) return true;
    const secrets = [...this.#options].filter(([, type]) => type === 'secret').map(([name]) => name);
    const used = new Set(
      membersUsed(ast, 'options').flatMap((name) => (name === undefined ? [...this.#options.keys()] : name)),
    );
    for (const name of used) if (!this.used.has(name)) this.used.set(name, path);
    const wrong = secrets.filter((name) => used.has(name));
    if (this.#position.secrets === true || wrong.length === 0) return true;
    this.#checks.add(
      path,
      `\`${wrong.join('`, `')}\` is a secret, which may be used in auth, request.headers and request.body only`,
      offset,
    );
    return false;
  }
}

/** The variable `options`: the values of a source's options as CEL has them. Secrets are read now. */
export function optionValues(types: OptionTypes, options: object): Variables {
  const values: Record<string, unknown> = {};
  for (const [name, type] of types) {
    const value: unknown = Reflect.get(options, name);
    if (value === undefined || value === null || type === 'file') continue;
    values[name] = toCel(value, type);
  }
  return values;
}

function toCel(value: unknown, type: OptionType): unknown {
  if (value instanceof Secret) return value.reveal();
  if (type === 'integer') return BigInt(value as number);
  return type === 'duration' ? Duration.fromMilliseconds(value as number) : value;
}
