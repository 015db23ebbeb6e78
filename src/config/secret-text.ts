/**
 * What is wrong with a secret that is encoded before it is sent (a password of HTTP Basic, a passphrase): it is no text as
 * its owner typed it. In words that begin with `expected` and show nothing of it; undefined when it is right.
 */
export function whyNoText(secret: string): string | undefined {
  if (secret.startsWith('\uFEFF'))
    return 'expected text without a byte order mark: save it as UTF-8 without one';
  if (/[\0\uFFFD]/.test(secret)) return 'expected UTF-8 text, not UTF-16 or another encoding';
  if (/[\r\n]/.test(secret)) return 'expected one line, not several';
  if (/(?![\t\u0080-\u009F])\p{Cc}/u.test(secret)) return 'expected text without control characters';
  return undefined;
}

/** As `whyNoText`, for a secret that is sent as it stands in a header (RFC 9110 §5.5: Latin-1 at most). */
export function whyNoHeader(secret: string): string | undefined {
  return (
    whyNoText(secret) ??
    (/[^\t\u0020-\u00FF]/.test(secret)
      ? 'expected characters that an HTTP header may hold (ASCII, at most Latin-1)'
      : undefined)
  );
}
