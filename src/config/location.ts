/** Keys and indexes from the top of the configuration to a value. */
export type Path = readonly (string | number)[];

/** Where something is written; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `sources.console.quota.per`, `destinations.siem.sources[0]`. */
export function showPath(path: Path): string {
  if (path.length === 0) return 'configuration';
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
}

/** `file:line:column`. */
export function showPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** Where each key and each value of the configuration is written. */
export class Places {
  readonly #keys = new Map<string, Place>();
  readonly #values = new Map<string, Place>();

  setKey(path: Path, place: Place): void {
    this.#keys.set(identify(path), place);
  }

  setValue(path: Path, place: Place): void {
    this.#values.set(identify(path), place);
  }

  /** What is written at `from` stands at `to` as well. */
  inherit(from: Path, to: Path): void {
    const [key, value] = [this.key(from), this.#values.get(identify(from))];
    if (key !== undefined) this.setKey(to, key);
    if (value !== undefined) this.setValue(to, value);
  }

  /** Undefined when there is no such key. */
  key(path: Path): Place | undefined {
    return this.#keys.get(identify(path));
  }

  /** Where the value is written; of what is absent, the key of the nearest thing around it. */
  value(path: Path): Place | undefined {
    return this.#values.get(identify(path)) ?? this.nearestKey(path);
  }

  /** The key of the path, or of the nearest thing around it that is written. */
  nearestKey(path: Path): Place | undefined {
    for (let length = path.length; length > 0; length -= 1) {
      const place = this.key(path.slice(0, length));
      if (place !== undefined) return place;
    }
    return this.#values.get(identify([]));
  }
}

/** Two paths are one when their steps are; no key can hold what separates the steps. */
export function identify(path: Path): string {
  return JSON.stringify(path.map(String));
}
