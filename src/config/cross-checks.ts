import { identityOf } from '../core/stream-key.ts';
import { quoted } from './schema-errors.ts';
import { type Problems, type Path, showPlace, didYouMean } from './problems.ts';
import { isRecord, membersOf, type Tree, EVERY_TYPE } from './tree.ts';
import type { SourceConfig } from './types.ts';

/** Checks that each source has a destination and each destination names known sources. Works without a valid schema. */
export function checkRouting(tree: Tree, problems: Problems): void {
  const sources = membersOf(tree.value['sources']).map(([name]) => name);
  const wanted = membersOf(tree.value['destinations']).map(([name, block]) => wantedBy(name, block));
  const unknown = wanted.flatMap(({ names }) => names ?? []).filter(({ name }) => !sources.includes(name));
  for (const { name, path } of unknown) {
    const hint = didYouMean(name, sources, '`');
    problems.add(tree.places.value(path), path, `unknown source${quoted(path, tree)}${hint}`);
  }
  // A misspelt name must not also be reported as a source without a destination.
  if (unknown.length === 0) checkReceived(sources, wanted, tree, problems);
}

/** Checks that `defaults` names known types; its options are checked with the sources of each type. */
export function checkDefaults(tree: Tree, types: readonly string[], problems: Problems): void {
  for (const [type, options] of membersOf(tree.value['defaults'])) {
    const path = ['defaults', type];
    const known = [...types, EVERY_TYPE];
    if (!known.includes(type)) {
      const message = `unknown source type \`${type}\`${didYouMean(type, known, '`') || `; expected one of ${known.join(', ')}`}`;
      problems.add(tree.places.key(path), path, message);
    }
    if (!isRecord(options) || !Object.hasOwn(options, 'type')) continue;
    const typePath = [...path, 'type'];
    problems.add(tree.places.key(typePath), typePath, '`type` is not allowed here; set it on each source');
  }
}

interface Wanted {
  /** Undefined: all. */
  readonly names: readonly { readonly name: string; readonly path: Path }[] | undefined;
}

function wantedBy(destination: string, block: unknown): Wanted {
  const names = isRecord(block) ? block['sources'] : undefined;
  if (!Array.isArray(names)) return { names: undefined };
  return {
    names: names.map((name, index) => ({
      name: String(name),
      path: ['destinations', destination, 'sources', index],
    })),
  };
}

function checkReceived(
  sources: readonly string[],
  wanted: readonly Wanted[],
  tree: Tree,
  problems: Problems,
): void {
  // Without destinations in the file, the one of the environment receives every source.
  if (wanted.length === 0 || wanted.some(({ names }) => names === undefined)) return;
  const received = new Set(wanted.flatMap(({ names }) => names?.map(({ name }) => name) ?? []));
  for (const source of sources.filter((name) => !received.has(name))) {
    const path = ['sources', source];
    const message =
      'no destination receives this source; add it to the `sources` of one, or remove `sources` from one';
    problems.add(tree.places.key(path), path, message);
  }
}

/** Finds sources that read the same stream. Each would move the other's cursor, and every event would be sent twice. */
export function checkStreams(sources: readonly SourceConfig[], tree: Tree, problems: Problems): void {
  const accounts = new Map<string, Readers>();
  for (const source of sources) {
    const { type, origin, account } = identityOf(source);
    const key = JSON.stringify([type, origin, account]);
    const readers = accounts.get(key) ?? new Readers();
    accounts.set(key, readers);
    const first = readers.find(source);
    if (first !== undefined) reportSame(source, first, tree, problems);
    readers.add(source);
  }
}

function reportSame(source: SourceConfig, first: SourceConfig, tree: Tree, problems: Problems): void {
  const path = ['sources', source.name];
  const place = tree.places.key(['sources', first.name]);
  const at = place === undefined ? '' : ` (\`${first.name}\` is at ${showPlace(place)})`;
  problems.add(
    tree.places.key(path),
    path,
    `\`${source.name}\` reads the same data as \`${first.name}\`, so every event would be sent twice; ${distinction(source)}, or remove one${at}`,
  );
}

/**
 * The sources that read one account. A new source is compared only with those that share a part with it, by the option
 * that leaves the fewest, so that thousands of sources are checked quickly.
 */
class Readers {
  readonly #all: SourceConfig[] = [];
  /** By option, then by part; under `EVERY_PART` those that the option does not limit. */
  readonly #byOption = new Map<string, Map<unknown, SourceConfig[]>>();

  add(source: SourceConfig): void {
    this.#all.push(source);
    for (const option of scopesOf(source)) {
      const byPart = this.#byOption.get(option) ?? new Map<unknown, SourceConfig[]>();
      this.#byOption.set(option, byPart);
      for (const part of new Set(partsOf(source, option) ?? [EVERY_PART])) {
        const readers = byPart.get(part);
        if (readers === undefined) byPart.set(part, [source]);
        else readers.push(source);
      }
    }
  }

  find(source: SourceConfig): SourceConfig | undefined {
    const scopes = scopesOf(source);
    const fewest = scopes
      .map((option) => this.#readersOf(option, partsOf(source, option)))
      .reduce((a, b) => (countOf(b) < countOf(a) ? b : a), [this.#all]);
    return fewest
      .flat()
      .find((other) => scopes.every((option) => overlap(partsOf(other, option), partsOf(source, option))));
  }

  /** Lists of those that read one of these parts. */
  #readersOf(option: string, parts: readonly unknown[] | undefined): readonly (readonly SourceConfig[])[] {
    if (parts === undefined) return [this.#all];
    const byPart = this.#byOption.get(option);
    return [EVERY_PART, ...parts].map((part) => byPart?.get(part) ?? []);
  }
}

const EVERY_PART = Symbol('every part');

function scopesOf({ definition }: SourceConfig): readonly string[] {
  return definition.scopedBy ?? [];
}

function countOf(lists: readonly (readonly unknown[])[]): number {
  return lists.reduce((sum, { length }) => sum + length, 0);
}

/** What to set so that two sources of one type read different data. */
function distinction({ definition: { accountOption, scopedBy = [] } }: SourceConfig): string {
  if (accountOption === undefined) return 'set `account` on both';
  const options = [accountOption, ...scopedBy].map((option) => `\`${option}\``);
  return `give them different ${options.slice(0, -1).join(', ')} or ${options.at(-1)}`;
}

/** What an option chooses; undefined: everything. */
function partsOf({ options }: SourceConfig, option: string): readonly unknown[] | undefined {
  const value: unknown = Reflect.get(options, option);
  const chosen = isRecord(value) ? value['only'] : value;
  if (chosen === undefined) return undefined;
  return Array.isArray(chosen) ? chosen : [chosen];
}

function overlap(a: readonly unknown[] | undefined, b: readonly unknown[] | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  return !new Set(a).isDisjointFrom(new Set(b));
}
