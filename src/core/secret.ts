import { Masking, formsOf, SHORTEST } from './masking.ts';

const MASK = '[secret]';

/** Every value that a secret ever had in this process, in all its forms. */
let all = new Masking();

/** As `all`, without forms that our own messages may contain by chance. */
let unmistakable = new Masking();

const remembered = new Set<string>();

/** Forgets every value, as a new process has none. For tests that share a process. */
export function forgetSecrets(): void {
  all = new Masking();
  unmistakable = new Masking();
  remembered.clear();
}

/** A value that is never printed: as a string, in JSON and in the inspector it is `[secret]`. */
export class Secret {
  #value: string;
  readonly #accepts: (value: string) => boolean;
  #reread: (() => string) | undefined;

  /** `accepts`: whether a value that `refresh` reads is valid. */
  constructor(value: string, accepts: (value: string) => boolean = () => true) {
    this.#value = remember(value);
    this.#accepts = accepts;
  }

  /** For a value that could hold a secret and does not, such as the URL of a proxy without a password. It is not masked. */
  static holdingNone(value: string): Secret {
    const secret = new Secret('');
    secret.#value = value;
    return secret;
  }

  /** Sets how `refresh` reads the value again: it came from a file, which may be replaced at run time. */
  rereadBy(reread: () => string): this {
    this.#reread = reread;
    return this;
  }

  reveal(): string {
    return this.#value;
  }

  /** Reads the value again, if it came from a file. Returns whether it changed; a missing file or an invalid value keeps the last one. */
  refresh(): boolean {
    const before = this.#value;
    try {
      const fresh = this.#reread?.();
      if (fresh !== undefined && this.#accepts(fresh)) this.#value = remember(fresh);
    } catch {
      // A secret mount is absent for a moment while it is replaced. The old value still works, or its rejection is logged.
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

/** Masks a value that is not a `Secret` itself, such as the token in `Bearer <token>`, in all output from now on. */
export function maskFromNowOn(value: string): void {
  remember(value);
}

/** Masks values that change often, such as tokens: always the latest ones, so that memory does not grow. */
export class PassingSecrets {
  readonly #kept: number;
  readonly #values: string[] = [];

  /** `kept`: how many of the latest values are masked. */
  constructor(kept: number) {
    this.#kept = kept;
  }

  add(value: string): void {
    if (value.length < SHORTEST || this.#values.includes(value)) return;
    this.#values.push(value);
    for (const form of allForms(value)) {
      all.add(form);
      if (!OWN_WORD.test(form)) unmistakable.add(form);
    }
    if (this.#values.length > this.#kept) this.#forget();
  }

  /** Masks none of them any more. */
  clear(): void {
    while (this.#values.length > 0) this.#forget();
  }

  #forget(): void {
    for (const form of allForms(this.#values.shift() ?? '')) {
      all.remove(form);
      unmistakable.remove(form);
    }
  }
}

/**
 * Masks every known secret of four characters or more in text of a vendor, a receiver or a library, in any encoding:
 * percent-encoding, HTML entities, JSON escapes, Base64, also nested. Use it where such text enters, before it is cut,
 * stored or made part of a message.
 */
export function maskForeign(text: string): string {
  return all.mask(text, true);
}

/**
 * Masks secrets in everything that is printed, as the last line of defence. As `maskForeign`, except that a secret that is
 * a plain word is not masked, because our own messages may contain that word. `maskForeign` has already removed it from
 * foreign text.
 */
export function mask(text: string): string {
  return unmistakable.mask(text);
}

/** What our own messages may contain by chance: words, ports, years. */
const OWN_WORD = /^(?:\p{L}{1,11}|\d{1,5})$/u;

function remember(value: string): string {
  if (value.length < SHORTEST || remembered.has(value)) return value;
  for (const secret of new Set([value, ...credentialsIn(value)])) {
    remembered.add(secret);
    for (const form of formsOf(secret)) {
      all.add(form);
      if (!OWN_WORD.test(form)) unmistakable.add(form);
    }
  }
  return value;
}

/** Every form of a value and of the credentials in it, once. */
function allForms(value: string): ReadonlySet<string> {
  return new Set([value, ...credentialsIn(value)].flatMap(formsOf));
}

/** The parts of an authorization header that may appear alone: its credential (`Bearer abc`), and what Basic encodes. */
function credentialsIn(value: string): readonly string[] {
  const [, scheme = '', credential = ''] = /^([A-Za-z-]+) (\S+)$/.exec(value) ?? [];
  const pair = scheme.toLowerCase() === 'basic' ? Buffer.from(credential, 'base64').toString('utf8') : '';
  const [, password = ''] = /^[^:]*:(.*)$/s.exec(pair) ?? [];
  return [credential, pair, password].filter((part) => part.length >= SHORTEST);
}
