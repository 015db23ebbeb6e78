import { createHmac, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';

/** Where an e-mail address of a recording goes. */
const MAIL_DOMAIN = 'example.com';
/** So many other stand-ins are tried before one gets longer. */
const TRIES = 20;

/**
 * Puts values of the same shape in place of a recording's own. The same value always gets the same one, different values
 * get different ones. They depend on a key that is nowhere kept, so no guess of a value can be checked.
 */
export class StandIns {
  readonly #key = randomBytes(32);
  readonly #made = new Map<string, string>();
  readonly #used = new Set<string>();

  /** The stand-in of a text: letters for letters, digits for digits; addresses and mail addresses stay such. */
  text(value: string): string {
    const version = isIP(value);
    if (version === 4)
      return this.#kept(value, (bytes) => `198.${18 + (at(bytes, 0) & 1)}.${at(bytes, 1)}.${at(bytes, 2)}`);
    if (version === 6) return this.#kept(value, (bytes) => `2001:db8:${groups(bytes, 6)}`);
    const mail = /^([^\s@]+)@[^\s@]+\.[^\s@]+$/.exec(value)?.[1];
    if (mail !== undefined) return `${this.text(mail)}@${MAIL_DOMAIN}`;
    return this.#kept(value, (bytes, tries) => shaped(value, bytes) + 'x'.repeat(Math.floor(tries / TRIES)));
  }

  /** The stand-in of a whole number with as many digits. */
  integer(value: number | bigint): bigint {
    const digits = String(value).replace('-', '');
    const made = this.#kept(digits, (bytes, tries) => {
      const longer = digits + '0'.repeat(Math.floor(tries / TRIES));
      return shaped(longer, bytes).replace(/^0/, '1');
    });
    return BigInt(made);
  }

  #kept(value: string, make: (bytes: Buffer, tries: number) => string): string {
    const known = this.#made.get(value);
    if (known !== undefined) return known;
    for (let tries = 0; ; tries += 1) {
      const made = make(this.#bytes(value, tries), tries);
      if (this.#used.has(made)) continue;
      this.#used.add(made);
      this.#made.set(value, made);
      return made;
    }
  }

  /** As many bytes as the value has characters, and at least one digest. */
  #bytes(value: string, tries: number): Buffer {
    const blocks = Array.from({ length: Math.ceil((value.length + 1) / 32) }, (_, block) =>
      createHmac('sha256', this.#key).update(`${tries}|${block}|${value}`).digest(),
    );
    return Buffer.concat(blocks);
  }
}

function at(bytes: Buffer, index: number): number {
  return bytes[index] ?? 0;
}

function groups(bytes: Buffer, count: number): string {
  return Array.from({ length: count }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(':');
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const HEX = 'abcdef';

/** Other characters of the same kinds. Hexadecimal text stays hexadecimal; what is neither letter nor digit stays. */
function shaped(value: string, bytes: Buffer): string {
  const letters = /^[\da-f-]{8,}$/i.test(value) ? HEX : LETTERS;
  return Array.from(value)
    .map((character, index) => {
      const byte = at(bytes, index % bytes.length);
      if (/\p{Nd}/u.test(character)) return String(byte % 10);
      if (/\p{Lu}/u.test(character)) return (letters[byte % letters.length] ?? '').toUpperCase();
      return /\p{L}/u.test(character) ? (letters[byte % letters.length] ?? '') : character;
    })
    .join('');
}
