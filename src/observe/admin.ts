import { once } from 'node:events';
import { ConfigError, explain } from '../core/errors.ts';
import { parseListenAddress } from '../config/listen-address.ts';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from '../core/log.ts';
import { mask } from '../core/secret.ts';
import type { Condition, Trouble } from '../core/state.ts';
import { type Complaint, readiness, type Readiness, reloadTroubles, type Scope } from './health.ts';
import { maskLine } from './log.ts';
import type { Metrics } from './metrics.ts';
import { type PageFilter, readFilter } from './page-tables.ts';
import { STYLE_SOURCE } from './page-html.ts';
import { takeSnapshot } from './snapshot.ts';
import { statusPage, waitingPage } from './page.ts';
import type { App } from '../runtime/app.ts';

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

/** There is no app for now: the state cannot be used, and the daemon waits for it. */
export interface Lacking {
  readonly lacking: Trouble;
  /** Why the configuration that was read last is not used; undefined when it is. */
  readonly reloadFailed: Condition | undefined;
}

interface Parts {
  /** The app that runs now; while one is being opened, the next; or why none can be. */
  readonly app: () => Promise<App | Lacking>;
  readonly metrics: Metrics;
}

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/** What the admin endpoint answers. */
export function adminRoutes({ app, metrics }: Parts): AdminRoutes {
  const route = (of: (app: App) => AdminAnswer | Promise<AdminAnswer>, other: typeof waits) => async () => {
    const now = await app();
    return 'lacking' in now ? other(now) : of(now);
  };
  const readyz = async (query = new URLSearchParams()) => {
    const scope = scopeOf(query);
    if (scope === undefined) return UNKNOWN_SCOPE;
    return route(async (now) => ready(await readinessOf(now, scope)), notReady)();
  };
  return new Map([
    ['/livez', route(alive, () => json(200, { status: 'alive', reasons: [] }))],
    ['/readyz', readyz],
    ['/metrics', route((now) => measured(now, metrics), waits)],
    ['/', async (query?: URLSearchParams) => page(app, readFilter(query ?? new URLSearchParams()))],
  ]);
}

/** Undefined: there is no such scope. */
function scopeOf(query: URLSearchParams): Scope | undefined {
  const [scope, ...more] = query.getAll('scope');
  if (scope === undefined) return 'everything';
  return scope === 'process' && more.length === 0 ? scope : undefined;
}

const UNKNOWN_SCOPE: AdminAnswer = {
  status: 400,
  type: 'text/plain; charset=utf-8',
  body: 'The only scope is `process`. Ask for /readyz?scope=process, or for /readyz, which is about everything.\n',
};

function notReady({ lacking, reloadFailed }: Lacking): AdminAnswer {
  const reasons = reloadTroubles(reloadFailed).map((trouble) => ({ subject: 'configuration', ...trouble }));
  return ready({ ready: false, reasons: [{ subject: 'state', ...lacking }, ...reasons] });
}

/** What there is to show is in the state. */
function waits({ lacking: { detail } }: Lacking): AdminAnswer {
  return { status: 503, type: 'text/plain; charset=utf-8', body: mask(`Waiting for the state. ${detail}\n`) };
}

async function measured(app: App, metrics: Metrics): Promise<AdminAnswer> {
  return { status: 200, type: PROMETHEUS, body: await metrics.text(await takeSnapshot(app)) };
}

/** A loop that stands still: only a restart helps. Nothing that an operator must mend is among these. */
function alive({ live }: App): AdminAnswer {
  const reasons = live.pulse.stuck.map((subject) => ({
    subject,
    reason: 'stuck',
    detail: 'Its loop has not moved for longer than it may.',
  }));
  return json(reasons.length === 0 ? 200 : 503, {
    status: reasons.length === 0 ? 'alive' : 'stuck',
    reasons,
  });
}

/** A journal that cannot be read is a reason, not a failure to answer. */
async function readinessOf(app: App, scope: Scope): Promise<Readiness> {
  try {
    return readiness(await takeSnapshot(app), app.config.admin?.allowances, scope);
  } catch (error) {
    const trouble = { subject: 'journal', reason: 'state-unavailable', since: app.clock.now() } as const;
    const reload = reloadTroubles(app.live.reloadFailed).map((one) => ({ subject: 'configuration', ...one }));
    return { ready: false, reasons: [{ ...trouble, detail: explain(error) }, ...reload] };
  }
}

function ready({ ready: isReady, reasons }: Readiness): AdminAnswer {
  return json(isReady ? 200 : 503, {
    status: isReady ? 'ready' : 'not ready',
    reasons: reasons.map(told),
  });
}

function told({ subject, reason, detail, since }: Complaint): Record<string, string> {
  return { subject, reason, detail, since: new Date(since).toISOString() };
}

/** A page in any case, so that a browser that shows it goes on renewing it. */
async function page(app: Parts['app'], filter: PageFilter): Promise<AdminAnswer> {
  const now = await app();
  if ('lacking' in now) return markup(503, waitingPage(now.lacking.detail, filter));
  try {
    const snapshot = await takeSnapshot(now);
    return markup(200, statusPage(snapshot, readiness(snapshot, now.config.admin?.allowances), filter));
  } catch (error) {
    return markup(503, waitingPage(explain(error), filter));
  }
}

function markup(status: number, body: string): AdminAnswer {
  return { status, type: 'text/html; charset=utf-8', body };
}

function json(status: number, object: unknown): AdminAnswer {
  return { status, type: 'application/json', body: maskLine(JSON.stringify(object)) };
}
