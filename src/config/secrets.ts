import { whyNotRead } from './files.ts';
import type { Environment } from './types.ts';

/** Where the values of `${…}` come from. */
export interface Origin {
  readonly env: Environment;
  /** The text of a file; a relative path counts from the working directory. @throws Error when it cannot be read. */
  readonly readFile: (path: string) => string;
}

/** A text with its `${…}` filled in. */
export interface Filled {
  readonly text: string;
  /** The values that were filled in, in order. */
  readonly pieces: readonly string[];
  /** Whether one of them came from a file, which may be replaced at run time. */
  readonly fromFile: boolean;
  /** Why references could not be filled in. */
  readonly problems: readonly string[];
}

/** `$${` (a literal `${`), `${…}`, or a `${` that nothing closes. */
const REFERENCE = /\$\$\{|\$\{([^}]*)\}|\$\{/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Fills in `${VAR}` and `${file:/path}` once: filled-in text is not searched again. `$${` is a literal `${`. */
export function interpolate(template: string, origin: Origin): Filled {
  const pieces: string[] = [];
  const problems: string[] = [];
  let fromFile = false;
  const text = template.replaceAll(REFERENCE, (reference, name?: string) => {
    if (reference === '$${') return '${';
    try {
      const piece = resolve(name, origin);
      fromFile ||= name?.startsWith('file:') === true;
      pieces.push(piece);
      return piece;
    } catch (error) {
      problems.push((error as Error).message);
      return '';
    }
  });
  return { text, pieces, fromFile, problems };
}

function resolve(name: string | undefined, { env, readFile }: Origin): string {
  if (name?.startsWith('file:') === true) return readSecretFile(name.slice('file:'.length), readFile);
  if (name === undefined || !NAME.test(name)) {
    throw new Error('invalid reference; write ${NAME} or ${file:/path}, or $${ for a literal ${');
  }
  const value = env[name];
  if (value === undefined) throw new Error(`environment variable ${name} is not set`);
  return withoutTrailingNewlines(value);
}

/** A secret file's content without its trailing newlines. @throws Error that names the file. */
export function readSecretFile(path: string, readFile: Origin['readFile']): string {
  let content: string;
  try {
    content = readFile(path);
  } catch (error) {
    throw new Error(`cannot read ${path}: ${whyNotRead(error)}`, { cause: error });
  }
  const value = withoutTrailingNewlines(content);
  if (value === '') throw new Error(`the file ${path} is empty`);
  return value;
}

/** A secret written with `echo` ends with a newline that is not part of it. Takes linear time. */
function withoutTrailingNewlines(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end -= 1;
  return text.slice(0, end);
}

/**
 * Why a secret that is encoded before it is sent (a password of HTTP Basic, a passphrase) is not text as its owner typed
 * it. Shows nothing of the secret; undefined for a valid one.
 */
export function whyNoText(secret: string): string | undefined {
  if (secret.startsWith('\uFEFF'))
    return 'must not begin with a byte order mark; save it as UTF-8 without one';
  if (/[\0\uFFFD]/.test(secret)) return 'must be UTF-8 text, not UTF-16 or another encoding';
  if (/[\r\n]/.test(secret)) return 'must be one line, not several';
  if (/(?![\t\u0080-\u009F])\p{Cc}/u.test(secret)) return 'must not contain control characters';
  return undefined;
}

/** As `whyNoText`, for a secret that is sent unchanged in a header (RFC 9110 §5.5: Latin-1 at most). */
export function whyNoHeader(secret: string): string | undefined {
  return (
    whyNoText(secret) ??
    (/[^\t\u0020-\u00FF]/.test(secret)
      ? 'must only contain characters that an HTTP header may have (ASCII, at most Latin-1)'
      : undefined)
  );
}
