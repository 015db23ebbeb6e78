const MASK = '[secret]';

/** Every value that a secret ever had in this process, so that the log and the errors can mask it as a last line of defence. */
const known = new Set<string>();

/** A value that is never printed. It shows itself as `[secret]` to strings, JSON and the inspector. */
export class Secret {
  #value: string;
  #reread: (() => string) | undefined;

  constructor(value: string) {
    this.#value = remember(value);
  }

  /** Makes `fresh` read the value again: it came from a file, which may be replaced while we run. */
  rereadBy(reread: () => string): this {
    this.#reread = reread;
    return this;
  }

  reveal(): string {
    return this.#value;
  }

  /** Reads the value again where it can be; true when it changed. A file that is gone keeps the last value. */
  refresh(): boolean {
    const before = this.#value;
    try {
      if (this.#reread !== undefined) this.#value = remember(this.#reread());
    } catch {
      // A secret mount that is being swapped is absent for a moment; the old value still answers, or is refused aloud.
      return false;
    }
    return this.#value !== before;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return MASK;
  }
}

/** The text with every known secret masked, also in the encodings in which a secret may surface. */
export function mask(text: string): string {
  let masked = text;
  for (const secret of known) masked = masked.replaceAll(secret, MASK);
  return masked;
}

/** Shorter values are no secrets worth the name, and masking them would riddle every line. */
const SHORTEST = 4;

function remember(value: string): string {
  if (value.length >= SHORTEST) {
    known.add(value);
    known.add(encodeURIComponent(value));
    known.add(Buffer.from(value).toString('base64'));
    known.add(JSON.stringify(value).slice(1, -1));
  }
  return value;
}
