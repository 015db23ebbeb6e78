import { plainView, unescape, type View } from './unescape.ts';

/** Shorter values are no secrets worth the name, and masking them would riddle every line. */
export const SHORTEST = 4;

/** Escapes within escapes: JSON in JSON, in a URL, in a page. */
const DEPTH = 4;

/** A text as it stands, and with its escapes read once, twice and so on, as long as there are some. */
export function views(text: string): readonly View[] {
  const found = [plainView(text)];
  for (let view = unescape(plainView(text)); view !== undefined; view = unescape(view)) {
    found.push(view);
    if (found.length > DEPTH) break;
  }
  return found;
}

/** What to look for, in every view of a text, to find a secret in whatever spelling. */
export function formsOf(secret: string): readonly string[] {
  const plain = views(secret).map(({ text }) => text);
  const forms = [...plain, secret.replaceAll(' ', '+'), ...wholeBase64(secret), ...base64Within(secret)];
  return forms.filter((form) => form.length >= SHORTEST);
}

function wholeBase64(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const [standard, url] = [bytes.toString('base64'), bytes.toString('base64url')];
  return [standard, standard.replace(/=+$/, ''), url, url.padEnd(standard.length, '=')];
}

/** What base64 makes of a secret that stands within a longer text (`user:password`), at each of the three offsets. */
function base64Within(secret: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    // Digits that also hold bits of the text before or after it are left out.
    const own = [Math.ceil((offset * 8) / 6), Math.floor((bytes.length * 8) / 6)] as const;
    return [bytes.toString('base64').slice(...own), bytes.toString('base64url').slice(...own)];
  });
}
