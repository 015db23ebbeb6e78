/** The names and indexes that lead to a value; empty: the whole value. */
export type Steps = readonly (string | number)[];

const STEP = /^(?:\.?([\p{L}\p{N}_\-@$]+)|\[(\d{1,9})\]|\.?\[("(?:[^"\\]|\\.)*")\])/u;

/** A mistake in a path, and the character at which it is, counted from 0. */
export interface PathError {
  readonly message: string;
  readonly at: number;
}

/**
 * Parses a path: names with dots between them, `["a.b"]` for a name with other characters, `[0]` for an element; an empty
 * text is the whole value.
 */
export function parsePath(text: string): Steps | PathError {
  const steps: (string | number)[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const [all, name, index, quoted] = STEP.exec(rest) ?? [];
    const isFirst = at === 0;
    const dotted = rest.startsWith('.');
    if (all === undefined || (name !== undefined && dotted === isFirst) || (isFirst && dotted))
      return { message: `invalid path \`${text}\`; write names that hold other characters as ["a.b"]`, at };
    if (index !== undefined) steps.push(Number(index));
    else steps.push(name ?? unquoted(quoted ?? '""'));
    at += all.length;
  }
  return steps;
}

function unquoted(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted.slice(1, -1);
  }
}

/** The value at a path; undefined when it is absent or null. Only what the vendor sent is found, nothing inherited. */
export function valueAt(root: unknown, steps: Steps): unknown {
  let value = root;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (typeof step === 'number' ? !Array.isArray(value) : Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value ?? undefined;
}

/** A copy of `root` in which the value at a path is another one. Missing objects on the way are made. */
export function replacedAt(root: unknown, steps: Steps, value: unknown): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (typeof step === 'number') {
    const list: unknown[] = Array.isArray(root) ? [...(root as unknown[])] : [];
    list[step] = replacedAt(list[step], rest, value);
    return list;
  }
  const members = typeof root === 'object' && root !== null && !Array.isArray(root) ? root : {};
  const before = Object.hasOwn(members, step) ? (members as Record<string, unknown>)[step] : undefined;
  return { ...members, [step]: replacedAt(before, rest, value) };
}
