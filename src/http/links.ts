import LinkHeader from 'http-link-header';
import { UnexpectedAnswerError } from '../core/errors.ts';
import { bareUrl } from './way.ts';

/** A longer `Link` header is refused: the parser takes quadratic time. Characters. */
const MAX_LENGTH = 8_192;

/**
 * The target of the first link of a relation in a `Link` header (RFC 8288), as an absolute URL; undefined when there is
 * none. Relations are compared without regard to case. A link with an `anchor` is about another page.
 * @param from the URL of the response
 * @throws UnexpectedAnswerError when the header cannot be read: that is never "no next page".
 */
export function linkOf(header: string | undefined, relation: string, from: URL): string | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  const found = parsed(header, from).find(
    ({ rel, anchor }) => rel?.toLowerCase() === relation.toLowerCase() && anchor === undefined,
  );
  return found === undefined ? undefined : resolved(found.uri, from);
}

function parsed(header: string, from: URL) {
  try {
    if (header.length <= MAX_LENGTH) return LinkHeader.parse(header).refs;
  } catch {
    // The parser's own message has no more to say than the place of the error.
  }
  const why =
    header.length > MAX_LENGTH ? `is longer than ${MAX_LENGTH} characters` : 'is not valid (RFC 8288)';
  throw new UnexpectedAnswerError(
    `The Link header of ${bareUrl(from)} ${why}, so the next page is unknown. Report this to the vendor, and check whether a proxy changes headers.`,
    bareUrl(from),
  );
}

/**
 * A URL that may be relative to the response, as an absolute one.
 * @throws UnexpectedAnswerError when it is no URL.
 */
export function resolved(reference: string, from: URL): string {
  const url = URL.parse(reference, from.href);
  if (url !== null) return url.href;
  throw new UnexpectedAnswerError(
    `An answer of ${bareUrl(from)} holds a link that is no valid URL. Check whether the vendor changed its API.`,
    bareUrl(from),
  );
}
