import { parse } from 'yaml';
import type { z } from 'zod';
import { valueAt, type Substitution, type Tree } from './tree.ts';
import { findings, type Finding } from './issues.ts';
import { identify, type Path } from './location.ts';
import type { Problems } from './problems.ts';
import { maskForeign, maskFromNowOn, Secret } from '../core/secret.ts';

/**
 * Checks the part of the tree at `path` against its schema; undefined when something is wrong, which is then in
 * `problems`. Secrets that were filled in from files can be read again.
 */
export function checkBlock<Schema extends z.ZodType>(
  schema: Schema,
  path: Path,
  tree: Tree,
  problems: Problems,
): z.output<Schema> | undefined {
  const block = valueAt(tree.value, path);
  const result = schema.safeParse(block);
  const checked =
    result.success || !retype(result.error.issues, path, tree) ? result : schema.safeParse(block);
  if (checked.success) {
    for (const substitution of tree.substitutions.values()) followFile(substitution, path, checked.data);
    return checked.data;
  }
  const found = findings(checked.error.issues, schema);
  for (const finding of found) report(finding, found, { path, tree, problems });
  return undefined;
}

/**
 * What was filled in is text. Where text does not do, it is read as YAML would read it, so that `${PORT}` can be a
 * number, and a token of digits stays a token. True when a value changed.
 */
function retype(
  issues: readonly z.core.$ZodIssue[],
  above: Path,
  { value: root, substitutions }: Tree,
): boolean {
  let changed = false;
  for (const issue of issues) {
    const path = [...above, ...(issue.path as Path)];
    const text = valueAt(root, path);
    if (!substitutions.has(identify(path)) || typeof text !== 'string') continue;
    const scalar = readScalar(text);
    const parent = valueAt(root, path.slice(0, -1));
    if (scalar === text || typeof parent !== 'object' || parent === null) continue;
    changed = Reflect.set(parent, path.at(-1) ?? '', scalar) || changed;
  }
  return changed;
}

function readScalar(text: string): unknown {
  return /^(?:true|false|null|[-+]?\d[\d.eE+-]*)$/.test(text) ? parse(text) : text;
}

function followFile({ path, pieces, fromFile, again }: Substitution, block: Path, output: unknown): void {
  const inside = block.every((step, index) => path[index] === step);
  const value = inside ? valueAt(output, path.slice(block.length)) : undefined;
  if (!(value instanceof Secret)) return;
  // A token may stand within a longer value (`Bearer ${TOKEN}`) and surface without it: it is to be masked alone, too.
  for (const piece of pieces) maskFromNowOn(piece);
  if (fromFile) value.rereadBy(again);
}

interface Context {
  /** Of the block. */
  readonly path: Path;
  readonly tree: Tree;
  readonly problems: Problems;
}

/** One mistake is one problem: what only follows from another finding is left out. */
function report(finding: Finding, all: readonly Finding[], { path: above, tree, problems }: Context): void {
  const { atKey, message } = finding;
  const path = [...above, ...finding.path];
  if (tree.unfilled.has(identify(path))) return;
  const missing = !atKey && valueAt(tree.value, path) === undefined;
  if (missing && all.some(({ meant }) => meant !== undefined && identify(meant) === identify(finding.path)))
    return;
  const place = atKey || missing ? tree.places.nearestKey(path) : tree.places.value(path);
  problems.add(place, path, missing ? `${message}; it is missing` : `${message}${got(finding, path, tree)}`);
}

/** Longer values are no times, numbers or words. */
const LONGEST_SHOWN = 40;

/** Of what should be an address: one without a user, a query or a fragment, where secrets are. */
const ADDRESS = /^(?:[a-z][a-z\d+.-]*:\/\/[\w.:[\]/-]*|[\w.-]*:\d+|\d+)$/i;

function got({ message, isShowable }: Finding, path: Path, tree: Tree): string {
  if (isShowable !== true || message.includes('(got ')) return '';
  const shown = gotValue(path, tree);
  const isAddress = /^expected (?:an http|HOST)/.test(message);
  return isAddress && !ADDRESS.test(shown.slice(' (got '.length, -1)) ? '' : shown;
}

/** The value that was got: ` (got 15)`. What was filled in may be a secret in the wrong place, and is not shown. */
export function gotValue(path: Path, { value: root, substitutions }: Tree): string {
  if (substitutions.has(identify(path))) return '';
  const value = valueAt(root, path);
  if (!['string', 'number', 'boolean'].includes(typeof value)) return '';
  const text = String(value);
  return text === '' || text.length > LONGEST_SHOWN || maskForeign(text) !== text ? '' : ` (got ${text})`;
}
