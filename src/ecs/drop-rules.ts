import type { Expression } from '../core/cel/expression.ts';
import type { EcsEvent, EcsValue } from '../core/event.ts';

/** One expression of `shape.drop`. */
export interface DropRule {
  readonly expression: Pick<Expression, 'text' | 'evaluate'>;
  /** The fields and objects that it names, each as the list of its steps. */
  readonly paths: readonly (readonly string[])[];
}

/** An expression that failed, and why. */
export interface FailedRule {
  readonly rule: string;
  readonly reason: string;
}

/** Whether an event is dropped. */
export interface Verdict {
  readonly drop: boolean;
  readonly failed: readonly FailedRule[];
}

interface Members {
  [name: string]: EcsValue | Members;
}

/** The expressions of `shape.drop`. An event that one of them matches is dropped. */
export class DropRules {
  readonly #rules: readonly DropRule[];
  readonly #roots: ReadonlySet<string>;
  /** Objects that are there in every event, so that `has(user.target.name)` is false where `user.target` is absent. */
  readonly #objects: readonly (readonly string[])[];

  constructor(rules: readonly DropRule[]) {
    this.#rules = rules;
    const paths = rules.flatMap((rule) => rule.paths);
    this.#roots = new Set(paths.map(([root = '']) => root));
    this.#objects = paths.flatMap((path) => path.slice(1).map((_, index) => path.slice(0, index + 1)));
  }

  /** A field that is absent makes no rule fail: a rule that needs it does not match. */
  judge(event: EcsEvent): Verdict {
    const failed: FailedRule[] = [];
    const variables = this.#variablesOf(event);
    for (const { expression } of this.#rules) {
      const outcome = expression.evaluate(variables);
      if ('value' in outcome && outcome.value === true) return { drop: true, failed };
      if ('failed' in outcome) failed.push({ rule: expression.text, reason: outcome.failed });
      else if ('value' in outcome && outcome.value !== false)
        failed.push({ rule: expression.text, reason: 'the result is neither true nor false' });
    }
    return { drop: false, failed };
  }

  #variablesOf(event: EcsEvent): Members {
    const variables: Members = {};
    for (const path of this.#objects) objectAt(variables, path);
    for (const [name, value] of Object.entries(event)) {
      const path = name.split('.');
      const last = path.pop() ?? name;
      if (!this.#roots.has(path[0] ?? last)) continue;
      const parent = objectAt(variables, path);
      if (parent !== undefined && canHave(parent, last)) parent[last] = value;
    }
    return variables;
  }
}

/** The object at a path, made where it is absent; undefined where a value stands in the way. */
function objectAt(root: Members, path: readonly string[]): Members | undefined {
  let object = root;
  for (const step of path) {
    if (!canHave(object, step)) return undefined;
    const next = (object[step] ??= {});
    if (typeof next !== 'object' || Array.isArray(next)) return undefined;
    object = next as Members;
  }
  return object;
}

/** A vendor's name may be one that every object has, such as `__proto__`: no rule sees it. */
function canHave(object: Members, name: string): boolean {
  return Object.hasOwn(object, name) || !(name in object);
}
