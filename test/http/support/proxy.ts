import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export const PASSWORD = 'proxy-password';

export interface Proxy extends AsyncDisposable {
  /** With user and password. */
  readonly url: string;
  /** Method and target of every request it was given. */
  readonly seen: readonly string[];
}

/** A proxy on loopback that forwards plain requests and tunnels others, for those who know the password. */
export async function proxy({ refuses = false, password = PASSWORD } = {}): Promise<Proxy> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const allows = (incoming: IncomingMessage) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    return !refuses && knowsPassword(incoming, password);
  };
  const server = createServer((incoming, response) => {
    if (allows(incoming)) forward(incoming, response);
    else response.writeHead(407).end();
  });
  server.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    if (!allows(incoming)) socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    else for (const end of tunnel(incoming, socket)) sockets.add(end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    seen,
    url: `http://us:${password}@127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function knowsPassword({ headers }: IncomingMessage, password: string): boolean {
  return headers['proxy-authorization'] === `Basic ${Buffer.from(`us:${password}`).toString('base64')}`;
}

function forward(incoming: IncomingMessage, response: ServerResponse): void {
  const { method, headers } = incoming;
  const onward = request(incoming.url ?? '', { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  incoming.pipe(onward);
}

function tunnel(incoming: IncomingMessage, socket: Socket): Socket[] {
  const [host, port] = (incoming.url ?? '').split(':');
  const onward = connect(Number(port), host, () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    onward.pipe(socket).pipe(onward);
  });
  for (const end of [socket, onward]) end.on('error', () => end.destroy());
  return [socket, onward];
}
