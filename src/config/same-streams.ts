import { identityOf } from '../core/stream-key.ts';
import { showPlace } from './location.ts';
import type { Problems } from './problems.ts';
import { isRecord, type Tree } from './tree.ts';
import type { SourceConfig } from './types.ts';

/** Two sources that read one stream would each believe that they alone move its cursor: finds those that the file shows. */
export function checkStreams(sources: readonly SourceConfig[], tree: Tree, problems: Problems): void {
  const accounts = new Map<string, Readers>();
  for (const source of sources) {
    const { type, origin, account } = identityOf(source);
    const key = JSON.stringify([type, origin, account]);
    const readers = accounts.get(key) ?? new Readers();
    accounts.set(key, readers);
    const first = readers.find(source);
    if (first !== undefined) tellSame(source, first, tree, problems);
    readers.add(source);
  }
}

function tellSame(source: SourceConfig, first: SourceConfig, tree: Tree, problems: Problems): void {
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
 * The sources that read one account. Another one that reads the same is looked for among those that share a part with it,
 * by the option that leaves the fewest, so that thousands are compared at once.
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
