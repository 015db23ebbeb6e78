import type { ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { MAX_HEADER_BYTES } from '../http/parse-error.ts';

/** The code of the error that ends a request whose response switches protocols. */
const SWITCHES = 'ERR_SWITCHES_PROTOCOLS';

/**
 * Lets response headers take 64 KiB, and makes an error of a response that switches protocols (101): without a
 * listener, Node closes the connection and tells nobody, and the exporter waits for ever.
 */
export function guardResponse(request: ClientRequest): void {
  // Read when the connection is given to the request; not in its type declarations.
  Object.assign(request, { maxHeaderSize: MAX_HEADER_BYTES });
  request.once('upgrade', (_response, socket: Duplex) => {
    socket.destroy();
    const error = new Error('The response switches protocols (101), which is no answer to this request');
    request.emit('error', Object.assign(error, { code: SWITCHES }));
  });
}
