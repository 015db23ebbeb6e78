const MASK = '[secret]';

/** Every value that a secret ever had in this process, so that the log and the errors can mask it as a last line of defence. */
const known = new Set<string>();

/** A value that is never printed. It shows itself as `[secret]` to strings, JSON and the inspector. */
export class Secret {
  #value: string;
  readonly #accepts: (value: string) => boolean;
  #reread: (() => string) | undefined;

  /** `accepts`: whether a value that is read later can be used. */
  constructor(value: string, accepts: (value: string) => boolean = () => true) {
    this.#value = remember(value);
    this.#accepts = accepts;
  }

  /** Makes `fresh` read the value again: it came from a file, which may be replaced while we run. */
  rereadBy(reread: () => string): this {
    this.#reread = reread;
    return this;
  }

  reveal(): string {
    return this.#value;
  }

  /** Reads the value again where it can be; true when it changed. A file that is gone, or holds what cannot be used, keeps the last value. */
  refresh(): boolean {
    const before = this.#value;
    try {
      const fresh = this.#reread?.();
      if (fresh !== undefined && this.#accepts(fresh)) this.#value = remember(fresh);
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

/** Masks a value that is no Secret of its own, such as the token within `Bearer <token>`. */
export function maskFromNowOn(value: string): void {
  remember(value);
}

/** The text with every known secret masked, also in the encodings in which a secret may surface. */
export function mask(text: string): string {
  let masked = text;
  // The longest first: a secret that is part of another one must not break it up and leave the rest readable.
  for (const secret of known) masked = masked.replaceAll(secret, MASK);
  return masked;
}

/** Shorter values are no secrets worth the name, and masking them would riddle every line. */
const SHORTEST = 4;

function remember(value: string): string {
  const whole = withoutScheme(value);
  if (known.has(value) || value.length < SHORTEST) return value;
  for (const secret of new Set([value, whole])) for (const form of formsOf(secret)) known.add(form);
  const longestFirst = [...known].toSorted((a, b) => b.length - a.length);
  known.clear();
  for (const form of longestFirst) known.add(form);
  return value;
}

/** The credential of an authorization header (`Bearer abc`, `ApiKey abc`), which may surface without its scheme. */
function withoutScheme(value: string): string {
  const [, credential] = /^[A-Za-z-]+ (\S+)$/.exec(value) ?? [];
  return credential === undefined || credential.length < SHORTEST ? value : credential;
}

function formsOf(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret.toWellFormed()),
    asJson(secret),
    asJson(asJson(secret)),
    Buffer.from(secret).toString('base64'),
    ...base64Within(secret),
  ].filter((form) => form.length >= SHORTEST);
}

/** As it stands within a JSON string; twice, for an answer's JSON that is quoted in our own. */
function asJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Shorter values have too few whole base64 digits left to be told from anything else. */
const SHORTEST_WITHIN = 8;

/** What base64 makes of a secret that stands within a longer text (`user:password`), at each of the three offsets. */
function base64Within(secret: string): string[] {
  if (secret.length < SHORTEST_WITHIN) return [];
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    // Digits that also hold bits of the text before or after it are left out.
    const own = [Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6)] as const;
    return [bytes.toString('base64').slice(...own), bytes.toString('base64url').slice(...own)];
  });
}
