import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request as it came. */
export interface Heard {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** An answer that says too much. */
export interface Telling {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The words behind the status. */
  readonly reason?: string;
}

export interface TellingServer extends AsyncDisposable {
  readonly url: string;
  readonly heard: readonly Heard[];
}

/** A server that answers in two chunks, the second of which begins in the middle of what it says. */
export async function startTelling(
  tell: (request: Heard & { readonly url: string }) => Telling,
): Promise<TellingServer> {
  const heard: Heard[] = [];
  const server = createServer((incoming, response) => void reply(incoming, response));

  async function reply(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const { headers, url = '/' } = incoming;
    const request = { path: url.split('?')[0] ?? '', headers: headers as Heard['headers'], body };
    heard.push(request);
    const { status, type, body: told, headers: more, reason } = tell({ ...request, url });
    response.writeHead(status, reason, { 'content-type': type, ...more });
    const half = Math.floor(told.length / 2);
    response.write(told.slice(0, half));
    setImmediate(() => response.end(told.slice(half)));
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
