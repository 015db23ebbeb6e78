import type { ClientRequest } from 'node:http';

/**
 * Holds back the body of a request until it is whole, so that it goes out with its `Content-Length`: the exporters
 * stream it in chunks, which some receivers refuse (411, or 400).
 */
export function sendWhole(request: ClientRequest): void {
  const chunks: Uint8Array[] = [];
  const end = request.end.bind(request);
  request.write = (chunk: string | Uint8Array) => {
    chunks.push(bytesOf(chunk));
    return true;
  };
  request.end = (chunk?: string | Uint8Array | (() => void) | null) => {
    if (chunk != null && typeof chunk !== 'function') chunks.push(bytesOf(chunk));
    const body = Buffer.concat(chunks);
    request.setHeader('Content-Length', body.length);
    return end(body);
  };
}

function bytesOf(chunk: string | Uint8Array): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
}
