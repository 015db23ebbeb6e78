/** The most that the headers of a response may take on either side: twice what is usual is not enough for some gateways. */
export const MAX_HEADER_BYTES = 65_536;

const OVERFLOW = new Set(['UND_ERR_HEADERS_OVERFLOW', 'HPE_HEADER_OVERFLOW']);

/** What undici says of a response that it has read and does not take. */
const NOT_TAKEN = new Set(['bad upgrade', 'bad response']);

/**
 * Why a response was not taken by the HTTP library, in words that can follow `…: `; undefined for any other error.
 * For the codes and classes of undici and of Node's own client.
 */
export function unparsable(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', reason } = error as { code?: string; reason?: string };
  if (OVERFLOW.has(code)) {
    return `its response headers are larger than ${MAX_HEADER_BYTES / 1024} KiB. Look at what the server, or a gateway on the way, adds to them`;
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return 'its response has more than one length (two Content-Length headers, one beside Transfer-Encoding, or one that is not that of its body). A proxy on the way may have changed it';
  }
  if (code === 'ERR_ASSERTION' || NOT_TAKEN.has(error.message)) {
    return 'its response is not understood: it switches protocols (101), or has another status that is no answer to this request. Check the address, and what is on the way';
  }
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_')) {
    const said = reason ?? /\((.*)\)/.exec(error.message)?.[1] ?? error.message;
    const why = said.startsWith('Expected HTTP/') ? 'it does not begin with HTTP/' : said;
    return `its response is not valid HTTP (${why}). Check the address, its protocol (http or https) and its port`;
  }
  return undefined;
}
