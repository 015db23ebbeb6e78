import { type ASTNode, EvaluationError } from '@marcbachmann/cel-js';

/**
 * The library evaluates without a limit, so these hold an expression to a bounded time and memory whatever a vendor sends.
 * `steps`: elements visited, values compared, kibibytes of text handled. `list`: elements of a list that is made.
 * `text`: characters of a text that is made.
 */
const LIMITS = { steps: 100_000, list: 10_000, text: 1_048_576 } as const;

/** Comprehensions may be nested so deep. */
export const DEEPEST_COMPREHENSION = 2;

const COMPREHENSIONS = new Set(['map', 'filter', 'all', 'exists', 'exists_one']);

/** Why an expression is refused although it is valid CEL, and where. */
export interface Refusal {
  readonly message: string;
  readonly at: number;
}

/** The first thing in a parsed expression that could take unbounded time or memory; undefined when there is none. */
export function refusalOf(ast: ASTNode): Refusal | undefined {
  return findRefusal(ast, { comprehensions: 0, binds: 0 });
}

interface Depth {
  readonly comprehensions: number;
  readonly binds: number;
}

function findRefusal(node: ASTNode, depth: Depth): Refusal | undefined {
  const at = node.start;
  let inner = depth;
  if (node.op === 'rcall') {
    const [name, receiver] = node.args;
    if (name === 'matches')
      return { message: '`matches` is not allowed: a regular expression can run for seconds', at };
    if (COMPREHENSIONS.has(name)) inner = { ...depth, comprehensions: depth.comprehensions + 1 };
    if (name === 'bind' && receiver.op === 'id' && receiver.args === 'cel')
      inner = { ...depth, binds: depth.binds + 1 };
    if (inner.comprehensions > DEEPEST_COMPREHENSION)
      return { message: `comprehensions must not be nested more than ${DEEPEST_COMPREHENSION} deep`, at };
    if (inner.binds > 1) return { message: '`cel.bind` must not be used inside another `cel.bind`', at };
    // The receiver is evaluated once, before the body.
    return findRefusal(receiver, depth) ?? firstRefusal(node.args[2], inner);
  }
  return firstRefusal(partsOf(node.args), inner);
}

function firstRefusal(nodes: readonly ASTNode[], depth: Depth): Refusal | undefined {
  for (const node of nodes) {
    const found = findRefusal(node, depth);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The nodes directly in the operands of a node. */
export function partsOf(args: unknown): readonly ASTNode[] {
  if (Array.isArray(args)) return args.flatMap((one) => partsOf(one));
  const isNode = typeof args === 'object' && args !== null && 'op' in args && 'start' in args;
  return isNode ? [args as ASTNode] : [];
}

/** What is left of `LIMITS.steps` for the expression that is evaluated now. Evaluation is synchronous. */
let left = 0;

/** To be called before each evaluation. */
export function beginEvaluation(): void {
  left = LIMITS.steps;
}

function spend(steps: number): void {
  left -= steps;
  if (left < 0) throw tooExpensive('it takes too many steps');
}

function tooExpensive(message: string): EvaluationError {
  return new EvaluationError({ code: 'too_expensive', message });
}

type Handle = (...args: unknown[]) => unknown;

/** A node after the type check, as far as it is used here (cel-js 8.0.0, which is pinned for this). */
interface CheckedNode {
  readonly op: string;
  readonly args: unknown;
  readonly meta: { readonly alternate?: CheckedNode; readonly macro?: Readonly<Record<string, unknown>> };
  handle?: Handle;
}

/** Makes every node of a checked expression spend steps, and refuse to make too long lists and texts. */
export function limitSteps(ast: ASTNode): void {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [ast];
  while (waiting.length > 0) {
    const node = waiting.pop();
    if (typeof node !== 'object' || node === null || seen.has(node)) continue;
    seen.add(node);
    if (Array.isArray(node)) waiting.push(...(node as unknown[]));
    else if ('op' in node && 'meta' in node) {
      const { args, meta } = node as CheckedNode;
      limit(node as CheckedNode);
      waiting.push(meta.alternate, ...(meta.macro === undefined ? [] : Object.values(meta.macro)));
      if (Array.isArray(args)) waiting.push(...(args as unknown[]));
      else if (typeof args === 'object' && args !== null)
        waiting.push(...('op' in args ? [args] : Object.values(args)));
    }
  }
}

const COMPARING = new Set(['==', '!=', 'in', '+', '<', '<=', '>', '>=']);

function limit(node: CheckedNode): void {
  const { handle } = node;
  if (handle === undefined) return;
  if (node.op === 'comprehension')
    node.handle = (items, ...rest) => {
      spend(lengthOf(items));
      return handle(items, ...rest);
    };
  else if (COMPARING.has(node.op))
    node.handle = (one, other, ...rest) => {
      spend(1 + costOf(one) + costOf(other));
      return bounded(handle(one, other, ...rest));
    };
  else if (node.op === 'call' || node.op === 'rcall')
    node.handle = (values, ...rest) => {
      spend(1 + costOf(values));
      if (nameOf(node) === 'join') requireShort(values);
      return bounded(handle(values, ...rest));
    };
}

function nameOf({ args }: CheckedNode): unknown {
  return Array.isArray(args) ? args[0] : undefined;
}

function bounded(result: unknown): unknown {
  if (typeof result === 'string' && result.length > LIMITS.text)
    throw tooExpensive('it makes a too long text');
  if (Array.isArray(result) && result.length > LIMITS.list) throw tooExpensive('it makes a too long list');
  return result;
}

/** Refuses to join texts that are too long together, before the memory is used. */
function requireShort(values: unknown): void {
  const [list, separator] = Array.isArray(values) ? (values as unknown[]) : [];
  if (!Array.isArray(list)) return;
  const between = typeof separator === 'string' ? separator.length : 0;
  const length = list.reduce<number>(
    (sum, one) => sum + between + (typeof one === 'string' ? one.length : 0),
    0,
  );
  if (length > LIMITS.text) throw tooExpensive('it makes a too long text');
}

function lengthOf(items: unknown): number {
  if (Array.isArray(items)) return items.length;
  return typeof items === 'object' && items !== null ? Object.keys(items).length : 0;
}

/** The steps of handling a value: its elements with all that is in them, and its kibibytes of text. */
function costOf(value: unknown): number {
  if (typeof value === 'string') return value.length >> 10;
  if (typeof value !== 'object' || value === null) return 0;
  let cost = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const one = waiting.pop();
    if (typeof one === 'string') cost += one.length >> 10;
    else if (Array.isArray(one) || isPlain(one)) {
      const members = Array.isArray(one) ? (one as unknown[]) : Object.values(one);
      cost += members.length;
      if (cost > LIMITS.steps) return cost;
      for (const member of members) waiting.push(member);
    }
  }
  return cost;
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
