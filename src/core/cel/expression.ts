import { type ASTNode, Environment, EvaluationError, Optional, type ParseError } from '@marcbachmann/cel-js';
import { registerAuth, registerCommon } from './functions.ts';
import { beginEvaluation, limitSteps, partsOf, refusalOf } from './limits.ts';

/** Type of a variable: a name of CEL, or the members of an object with their types. */
export type VariableType = string | { readonly [member: string]: VariableType };

/** What an expression may use. */
export interface Vocabulary {
  readonly variables: Readonly<Record<string, VariableType>>;
  /** Also hashes, encodings and `uuid`. */
  readonly auth?: boolean;
}

/** A mistake in an expression, and the character of the expression at which it is, counted from 0. */
export interface ExpressionError {
  readonly message: string;
  readonly at: number;
}

/** How the evaluation of an expression ended. */
export type Outcome =
  /** Plain data: no Optional; null and an empty Optional are absent. Integers are bigint, times are Date. */
  | { readonly value: unknown }
  /** It is null or empty, or a field that it needs is absent. */
  | { readonly absent: true }
  | { readonly failed: string };

const ABSENT: Outcome = { absent: true };

/** A checked expression. */
export interface Expression {
  readonly text: string;
  /** By CEL's name: `string`, `int`, `dyn`, `list<string>`. */
  readonly type: string;
  readonly ast: ASTNode;
  evaluate(variables: Readonly<Record<string, unknown>>): Outcome;
}

function base(auth: boolean): Environment {
  const environment = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 10_000, maxDepth: 100 },
  });
  registerCommon(environment);
  if (auth) registerAuth(environment);
  return environment;
}

/** Made when it is first needed. Clones share what is registered. */
const bases = new Map<boolean, Environment>();

/** Compiles expressions that may use the same variables and functions. */
export class Compiler {
  readonly #environment: Environment;
  readonly #names: readonly string[];

  constructor({ variables, auth = false }: Vocabulary) {
    const shared = bases.get(auth) ?? base(auth);
    bases.set(auth, shared);
    this.#environment = shared.clone();
    this.#names = Object.keys(variables);
    for (const [name, type] of Object.entries(variables)) {
      if (typeof type === 'string') this.#environment.registerVariable(name, type);
      else this.#environment.registerVariable({ name, schema: { ...type } });
    }
  }

  /** Parses and checks an expression. */
  compile(text: string): Expression | ExpressionError {
    try {
      const parsed = this.#environment.parse(text);
      const refusal = refusalOf(parsed.ast);
      if (refusal !== undefined) return refusal;
      const { valid, type = 'dyn', error } = parsed.check();
      if (!valid) return this.#explain(error as ParseError);
      limitSteps(parsed.ast);
      return { text, type, ast: parsed.ast, evaluate: (variables) => outcomeOf(() => parsed(variables)) };
    } catch (error) {
      return this.#explain(error as ParseError);
    }
  }

  #explain({ code, summary, message, range }: ParseError): ExpressionError {
    const at = range?.start ?? 0;
    const known = this.#names.length === 0 ? '' : `; here are ${this.#names.join(', ')}`;
    if (code === 'unknown_variable')
      return {
        message: `${summary.replace(/^Unknown variable: (.*)$/, 'there is no variable `$1`')}${known}`,
        at,
      };
    if (code === 'no_such_key')
      return { message: `there is no \`${summary.replace(/^No such key: /, '')}\``, at };
    const said = summary ?? message;
    return { message: `${said.charAt(0).toLowerCase()}${said.slice(1)}`, at };
  }
}

function outcomeOf(evaluate: () => unknown): Outcome {
  const { stackTraceLimit } = Error;
  // A field that is absent is an exception of the library; a stack would cost most of it.
  Error.stackTraceLimit = 0;
  try {
    beginEvaluation();
    const result: unknown = evaluate();
    const value: unknown = result instanceof Optional ? (result.hasValue() ? result.value() : null) : result;
    return value === null || value === undefined ? ABSENT : { value };
  } catch (error) {
    return isAbsence(error) ? ABSENT : { failed: reason(error) };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** A variable that nobody defined is an error at compiling, so here one that has no value now. */
const ABSENCES = new Set([
  'no_such_key',
  'optional_value_missing',
  'index_out_of_bounds',
  'unknown_variable',
]);

function isAbsence(error: unknown): boolean {
  return error instanceof EvaluationError && ABSENCES.has(error.code);
}

function reason(error: unknown): string {
  if (error instanceof EvaluationError) return error.summary;
  return error instanceof RangeError ? 'a value is too deep or too long' : (error as Error).message;
}

/** The members of `variable` that an expression names: `options.a`, `options.?b`, `options["c"]`; undefined: all of it. */
export function membersUsed(ast: ASTNode, variable: string): readonly (string | undefined)[] {
  const { op, args } = ast;
  if (op === 'id') return args === variable ? [undefined] : [];
  if (op === '.' || op === '.?' || op === '[]' || op === '[?]') {
    const [object, member] = args;
    if (object.op === 'id' && object.args === variable) {
      const name = typeof member === 'string' ? member : member.op === 'value' ? member.args : undefined;
      return [typeof name === 'string' ? name : undefined];
    }
  }
  return partsOf(args).flatMap((part) => membersUsed(part, variable));
}

/** The values that an expression names, as lists of members from a variable on: `user.name`, `a[?"b"].c`. */
export function pathsUsed(ast: ASTNode): readonly (readonly string[])[] {
  const path = pathOf(ast);
  return path === undefined ? partsOf(ast.args).flatMap(pathsUsed) : [path];
}

/** Undefined when a node is no chain of members with fixed names. */
function pathOf({ op, args }: ASTNode): readonly string[] | undefined {
  if (op === 'id') return [args];
  if (op !== '.' && op !== '.?' && op !== '[]' && op !== '[?]') return undefined;
  const [object, member] = args;
  const name = typeof member === 'string' ? member : member.op === 'value' ? member.args : undefined;
  const before = typeof name === 'string' ? pathOf(object) : undefined;
  return before && [...before, String(name)];
}

/** A value without the members of objects that are null: null counts as absent. Copies only what changes. */
export function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const kept = value.map(withoutNulls);
    return kept.some((one, index) => one !== value[index]) ? kept : value;
  }
  let copy: Record<string, unknown> | undefined;
  for (const [name, member] of Object.entries(value)) {
    const kept = withoutNulls(member);
    if (kept === member && member !== null) continue;
    copy ??= { ...value };
    if (kept === null) delete copy[name];
    else copy[name] = kept;
  }
  return copy ?? value;
}
