import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** Bytes for one request. `closes`: the connection ends behind them. */
export interface RawResponse {
  readonly bytes: string | Buffer;
  readonly closes?: boolean;
}

/** A server that is given its responses byte for byte, the last one again and again. */
export interface RawServer extends AsyncDisposable {
  readonly url: string;
  /** Requests that were seen. */
  readonly requests: readonly string[];
}

/** Starts a server for requests whose headers come in one piece, as those of the clients under test do. */
export async function serveRaw(...responses: readonly RawResponse[]): Promise<RawServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (data: Buffer) => {
      const text = data.toString('latin1');
      if (!/^(GET|POST) /.test(text)) return;
      requests.push(text);
      const response = responses[Math.min(requests.length, responses.length) - 1];
      if (response === undefined) return;
      if (response.closes === true) socket.end(response.bytes);
      else socket.write(response.bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A response as an HTTP server writes it. */
export function http(
  status: string,
  headers: readonly string[] = [],
  body: string | Buffer = '',
): RawResponse {
  const bytes = Buffer.from(body);
  const length = [`Content-Length: ${bytes.length}`];
  const head = [`HTTP/1.1 ${status}`, ...headers, ...(bytes.length === 0 ? [] : length), '', ''].join('\r\n');
  return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), bytes]) };
}
