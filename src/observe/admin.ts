import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { ConfigError, explain } from '../core/errors.ts';
import { parseListenAddress } from '../config/listen-address.ts';
import type { Logger } from '../core/log.ts';
import { STYLE_SOURCE } from './page-style.ts';

/** An answer of the endpoint, whole. */
export interface AdminAnswer {
  readonly status: number;
  /** A media type. */
  readonly type: string;
  readonly body: string;
}

/** What the endpoint answers, by path. */
export type AdminRoutes = ReadonlyMap<string, (query?: URLSearchParams) => Promise<AdminAnswer>>;

interface AdminSettings {
  /** `host:port`, `[::1]:port` or `:port`; port 0 is any that is free. */
  readonly listen: string;
  readonly routes: AdminRoutes;
  readonly log: Logger;
}

/** Larger headers are answered 431. Bytes. */
const MAX_HEADERS = 16_384;
/** A request that has not come completely by then is given up. Milliseconds. */
const REQUEST_TIMEOUT = 10_000;

/** A page may use the one style that it brings, and send its filter to where it came from. */
const POLICY = `default-src 'none'; style-src ${STYLE_SOURCE}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** The HTTP server for probes, metrics and the status page. Disposing it ends every connection at once. */
export class AdminServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws ConfigError when the address cannot be listened on. */
  static async listen({ listen, routes, log }: AdminSettings): Promise<AdminServer> {
    const limits = {
      maxHeaderSize: MAX_HEADERS,
      requestTimeout: REQUEST_TIMEOUT,
      headersTimeout: REQUEST_TIMEOUT,
    };
    const server = createServer(limits, (request, response) => {
      void answer(request, response, { routes, log });
    });
    server.listen(parseListenAddress(listen));
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new ConfigError([cannotListen(listen, error)]);
    }
    return new AdminServer(server);
  }

  /** The port that is listened on. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    // A client that hangs must not delay the end.
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, log }: Pick<AdminSettings, 'routes' | 'log'>,
): Promise<void> {
  const [path = '', ...query] = (request.url ?? '').split('?');
  const route = routes.get(path);
  if (route === undefined)
    return send(response, text(404, `There is no ${path}; there are ${[...routes.keys()].join(' ')}`));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, text(405, 'Only GET and HEAD'));
  }
  try {
    send(response, await route(new URLSearchParams(query.join('?'))));
  } catch (error) {
    log.error({ err: error, url: { path } }, 'A request to the admin endpoint could not be answered.');
    send(response, text(500, explain(error)));
  }
}

function send(response: ServerResponse, { status, type, body }: AdminAnswer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': POLICY,
  });
  response.end(body);
}

function text(status: number, words: string): AdminAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${words}.\n` };
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there',
  EACCES: 'this process may not listen on that port',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOTFOUND: 'no such host is known',
};

function cannotListen(listen: string, error: unknown): string {
  const why = WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? explain(error);
  return `admin.listen ${listen}: ${why}. Choose another address, or end what uses it.`;
}
