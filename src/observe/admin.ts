import { once } from 'node:events';
import { ConfigError, explain } from '../core/errors.ts';
import { parseListenAddress } from '../config/fields.ts';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from '../core/log.ts';
import { mask } from '../core/secret.ts';
import type { Condition, Trouble } from '../core/state.ts';
import { readiness, reloadComplaints, type Readiness, type ReadinessScope } from './health.ts';
import { maskLine } from './log.ts';
import type { Metrics } from './metrics.ts';
import { type PageFilter, readFilter } from './page-tables.ts';
import { STYLE_SOURCE } from './page-html.ts';
import { type Observed, takeOwnSnapshot, takeSnapshot } from './snapshot.ts';
import { statusPage, waitingPage } from './page.ts';

/** A complete response of the endpoint. */
export interface AdminResponse {
  readonly status: number;
  /** A media type. */
  readonly type: string;
  readonly body: string;
}

/** The handler of each path. */
export type AdminRoutes = ReadonlyMap<string, (query?: URLSearchParams) => Promise<AdminResponse>>;

interface AdminSettings {
  /** `host:port`, `[::1]:port` or `:port`; port 0 is any that is free. */
  readonly listen: string;
  readonly routes: AdminRoutes;
  readonly log: Logger;
}

/** A request with larger headers gets 431. Bytes. */
const MAX_HEADERS = 16_384;
/** A request must arrive completely within this time. Milliseconds. */
const REQUEST_TIMEOUT = 10_000;

/** A page may use only its own style, and send its filter only to its own origin. */
const POLICY = `default-src 'none'; style-src ${STYLE_SOURCE}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** The HTTP server for probes, metrics and the status page. Disposing it closes every connection at once. */
export class AdminServer implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws ConfigError when it cannot listen on the address. */
  static async listen({ listen, routes, log }: AdminSettings): Promise<AdminServer> {
    const limits = {
      maxHeaderSize: MAX_HEADERS,
      requestTimeout: REQUEST_TIMEOUT,
      headersTimeout: REQUEST_TIMEOUT,
    };
    const server = createServer(limits, (request, response) => {
      void respond(request, response, { routes, log });
    });
    server.listen(parseListenAddress(listen));
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new ConfigError([cannotListen(listen, error)]);
    }
    return new AdminServer(server);
  }

  /** The port that the server listens on. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    // A client that hangs must not delay the shutdown.
    this.#server.closeAllConnections();
    await closed;
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, log }: Pick<AdminSettings, 'routes' | 'log'>,
): Promise<void> {
  const [path = '', ...query] = (request.url ?? '').split('?');
  const route = routes.get(path);
  if (route === undefined)
    return send(response, text(404, `Not found: ${path}. Available: ${[...routes.keys()].join(' ')}`));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, text(405, 'Use GET or HEAD'));
  }
  try {
    send(response, await route(new URLSearchParams(query.join('?'))));
  } catch (error) {
    log.error({ err: error, url: { path } }, 'Admin request failed.');
    send(response, text(500, explain(error)));
  }
}

function send(response: ServerResponse, { status, type, body }: AdminResponse): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': POLICY,
  });
  response.end(body);
}

function text(status: number, words: string): AdminResponse {
  return { status, type: 'text/plain; charset=utf-8', body: `${words}.\n` };
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process already uses this port, perhaps another Penstock',
  EACCES: 'this process may not listen on this port',
  EADDRNOTAVAIL: 'this host has no such address',
  ENOTFOUND: 'the host name is unknown',
};

function cannotListen(listen: string, error: unknown): string {
  const why = WHY[(error as NodeJS.ErrnoException).code ?? ''] ?? explain(error);
  return `admin.listen ${listen}: ${why}. Choose another address, or stop the process that uses it.`;
}

/** There is nothing to observe now: the state cannot be used, and the daemon waits for it. */
export interface Unavailable {
  readonly unavailable: Trouble;
  /** Why the configuration that was read last is not used; undefined when it is. */
  readonly reloadFailed: Condition | undefined;
}

interface Parts {
  /** What runs now; while it is being opened, the next one, or why none can be. */
  readonly observed: () => Promise<Observed | Unavailable>;
  readonly metrics: Metrics;
}

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/** The routes of the admin endpoint: `/livez`, `/readyz`, `/metrics` and the status page at `/`. */
export function adminRoutes({ observed, metrics }: Parts): AdminRoutes {
  const route =
    (handle: (now: Observed) => Handled, otherwise: (now: Unavailable) => AdminResponse) => async () => {
      const now = usable(await observed());
      return 'unavailable' in now ? otherwise(now) : handle(now);
    };
  const readyz = async (query = new URLSearchParams()) => {
    const scope = scopeOf(query);
    if (scope === undefined) return UNKNOWN_SCOPE;
    return route(async (now) => readyResponse(await readinessOf(now, scope)), notReady)();
  };
  return new Map([
    ['/livez', async () => living(await observed())],
    ['/readyz', readyz],
    ['/metrics', route((now) => measured(now, metrics), waitingForState)],
    ['/', async (query?: URLSearchParams) => page(observed, readFilter(query ?? new URLSearchParams()))],
  ]);
}

/** What runs, unless its state cannot be used now: it is not asked again for each request. */
function usable(now: Observed | Unavailable): Observed | Unavailable {
  if ('unavailable' in now) return now;
  const { outage } = now.live.state;
  if (outage === undefined) return now;
  const { since, reason: detail } = outage;
  return {
    unavailable: { reason: 'state-unavailable', since, detail },
    reloadFailed: now.live.reloadFailed,
  };
}

type Handled = AdminResponse | Promise<AdminResponse>;

/** Undefined: the query names another scope. */
function scopeOf(query: URLSearchParams): ReadinessScope | undefined {
  const [scope, ...more] = query.getAll('scope');
  if (scope === undefined) return 'everything';
  return scope === 'process' && more.length === 0 ? scope : undefined;
}

const UNKNOWN_SCOPE: AdminResponse = {
  status: 400,
  type: 'text/plain; charset=utf-8',
  body: 'The only scope is `process`. Request /readyz?scope=process, or /readyz for everything.\n',
};

function notReady({ unavailable, reloadFailed }: Unavailable): AdminResponse {
  const reasons = [{ subject: 'state', ...unavailable }, ...reloadComplaints(reloadFailed)];
  return readyResponse({ ready: false, reasons });
}

/** Metrics are computed from the state. */
function waitingForState({ unavailable: { detail } }: Unavailable): AdminResponse {
  return { status: 503, type: 'text/plain; charset=utf-8', body: mask(`Waiting for the state. ${detail}\n`) };
}

async function measured(observed: Observed, metrics: Metrics): Promise<AdminResponse> {
  return { status: 200, type: PROMETHEUS, body: await metrics.text(await takeOwnSnapshot(observed)) };
}

/** Fails only for a loop that hangs, which a restart repairs; what needs an operator never fails it. */
function living(now: Observed | Unavailable): AdminResponse {
  const stuck = 'unavailable' in now ? [] : now.live.pulse.stuck;
  const reasons = stuck.map((subject) => ({
    subject,
    reason: 'stuck',
    detail: 'A loop has reported no progress for longer than allowed; restart the process.',
  }));
  const isAlive = reasons.length === 0;
  return json(isAlive ? 200 : 503, { status: isAlive ? 'alive' : 'stuck', reasons });
}

/** A journal that cannot be read is a reason, not a failure to answer. */
async function readinessOf(observed: Observed, scope: ReadinessScope): Promise<Readiness> {
  const { config, clock, live } = observed;
  try {
    return readiness(await takeOwnSnapshot(observed), config.admin?.allowances, scope);
  } catch (error) {
    const unreadable = { subject: 'journal', reason: 'state-unavailable', since: clock.now() } as const;
    const reasons = [{ ...unreadable, detail: explain(error) }, ...reloadComplaints(live.reloadFailed)];
    return { ready: false, reasons };
  }
}

function readyResponse({ ready, reasons }: Readiness): AdminResponse {
  return json(ready ? 200 : 503, {
    status: ready ? 'ready' : 'not ready',
    reasons: reasons.map(({ since, ...reason }) => ({ ...reason, since: new Date(since).toISOString() })),
  });
}

/** Always a page, also while nothing can be read, so that a browser that shows it keeps reloading. */
async function page(observed: Parts['observed'], filter: PageFilter): Promise<AdminResponse> {
  const now = usable(await observed());
  if ('unavailable' in now) return markup(503, waitingPage(now.unavailable.detail, filter));
  try {
    const snapshot = await takeSnapshot(now);
    return markup(200, statusPage(snapshot, readiness(snapshot, now.config.admin?.allowances), filter));
  } catch (error) {
    return markup(503, waitingPage(explain(error), filter));
  }
}

function markup(status: number, body: string): AdminResponse {
  return { status, type: 'text/html; charset=utf-8', body };
}

function json(status: number, object: unknown): AdminResponse {
  return { status, type: 'application/json', body: maskLine(JSON.stringify(object)) };
}
