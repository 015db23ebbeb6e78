/** A byte, given as two hex digits, as different writers escape it. */
const ESCAPES: readonly ((byte: string) => string)[] = [
  (byte) => `%${byte}`,
  (byte) => `%${byte.toUpperCase()}`,
  (byte) => `%25${byte}`,
  (byte) => String.raw`\u00${byte}`,
  (byte) => String.raw`\x${byte}`,
  (byte) => `&#x${byte};`,
  (byte) => `&#${Number.parseInt(byte, 16)};`,
];

const NAMED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** A secret of printable ASCII as vendors, receivers, proxies and libraries may write it: each is enough to use it. */
export function spellings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const percent = encodeURIComponent(secret);
  const hex = bytes.toString('hex');
  return [
    secret,
    percent,
    percent.replaceAll(/%../g, (escape) => escape.toLowerCase()),
    encodeURIComponent(percent),
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll('/', String.raw`\/`),
    secret.replaceAll(/[&<>"']/g, (character) => NAMED[character] ?? character),
    ...ESCAPES.map((escape) => hex.replaceAll(/../g, escape)),
    hex,
    hex.toUpperCase(),
    ...['', 'u:', 'us:'].flatMap((before) => inBase64(before, secret)),
    Buffer.from(`Bearer ${secret}`).toString('base64'),
  ];
}

/** The Base64 of a secret behind other text, whole and without the digits that encode the text before it. */
function inBase64(before: string, secret: string): readonly string[] {
  const bytes = Buffer.from(before + secret);
  // A digit holds six bits.
  const own = [Math.ceil((before.length * 8) / 6), Math.floor((bytes.length * 8) / 6)] as const;
  return (['base64', 'base64url'] as const).flatMap((encoding) => {
    const whole = bytes.toString(encoding);
    return [whole, whole.slice(...own)];
  });
}

/** A secret that was found, and where: its name, how it is spelled, the output. */
interface Found {
  readonly secret: string;
  readonly spelling: string;
  readonly output: string;
}

/** How much of a secret is one already: what is left of it where a text was cut. Characters. */
const PART = 12;

/** Searches outputs, byte by byte (each character is a byte), for secrets in any spelling, whole or cut. */
export function search(
  outputs: ReadonlyMap<string, string>,
  secrets: Readonly<Record<string, string>>,
): readonly Found[] {
  return Object.entries(secrets).flatMap(([secret, value]) => {
    const forms = new Set([...spellings(value), value.slice(0, PART), value.slice(-PART)]);
    return [...outputs].flatMap(([output, bytes]) =>
      [...forms]
        .filter((spelling) => bytes.includes(spelling))
        .map((spelling) => ({ secret, spelling, output })),
    );
  });
}
