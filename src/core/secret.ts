import { Masking, formsOf, SHORTEST } from './masking.ts';

const MASK = '[secret]';

/** Every value that a secret ever had in this process, in every spelling to look for. */
let all = new Masking();

/** As `all`, without what our own messages may hold as well. */
let unmistakable = new Masking();

const remembered = new Set<string>();

/** Forgets every value, as a new process has none. For tests that share a process. */
export function forgetSecrets(): void {
  all = new Masking();
  unmistakable = new Masking();
  remembered.clear();
}

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

  /** What may hold a secret, and does not, such as the URL of a proxy without a password: it is not masked. */
  static holdingNone(value: string): Secret {
    const secret = new Secret('');
    secret.#value = value;
    return secret;
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

/**
 * What a vendor, a receiver or a library said, with every known secret of four characters or more masked, in whatever
 * spelling: percent-encoding, HTML entities, JSON escapes, Base64, and these within one another. To be used where such
 * text enters, before it is cut, stored or made part of a message.
 */
export function maskForeign(text: string): string {
  return all.mask(text, true);
}

/**
 * The last line of defence, for what is printed: as `maskForeign`, but a secret that is a plain word is left, since it
 * would eat our own words. It cannot be in what we print but by chance, for `maskForeign` took it out where it came in.
 */
export function mask(text: string): string {
  return unmistakable.mask(text);
}

/** What our own messages are made of: words, ports, years. */
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

/** What may surface alone of an authorization header: its credential (`Bearer abc`), and what Basic encodes. */
function credentialsIn(value: string): readonly string[] {
  const [, scheme = '', credential = ''] = /^([A-Za-z-]+) (\S+)$/.exec(value) ?? [];
  const pair = scheme.toLowerCase() === 'basic' ? Buffer.from(credential, 'base64').toString('utf8') : '';
  const [, password = ''] = /^[^:]*:(.*)$/s.exec(pair) ?? [];
  return [credential, pair, password].filter((part) => part.length >= SHORTEST);
}
