import { mask } from '../core/secret.ts';
import type { App } from '../runtime/app.ts';
import { explain } from '../core/errors.ts';
import type { AdminAnswer, AdminRoutes } from './admin.ts';
import type { Condition, Trouble } from '../core/state.ts';
import { readiness, reloadTroubles, type Complaint, type Readiness, type Scope } from './health.ts';
import { maskLine } from './mask-line.ts';
import type { Metrics } from './metrics.ts';
import { readFilter, type PageFilter } from './page-filter.ts';
import { takeSnapshot } from '../runtime/snapshot.ts';
import { statusPage, waitingPage } from './status-page.ts';

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
