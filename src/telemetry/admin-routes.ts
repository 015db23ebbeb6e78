import type { App } from '../app.ts';
import { mask } from '../config/secret.ts';
import { explain } from '../errors.ts';
import type { AdminAnswer, AdminRoutes } from './admin.ts';
import { readiness, type Complaint, type Readiness } from './health.ts';
import type { Metrics } from './metrics.ts';
import { takeSnapshot } from './snapshot.ts';
import { statusPage } from './status-page.ts';

interface Parts {
  /** The app that runs now; while one is being opened, the next. */
  readonly app: () => Promise<App>;
  readonly metrics: Metrics;
}

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/** What the admin endpoint answers. */
export function adminRoutes({ app, metrics }: Parts): AdminRoutes {
  return new Map([
    ['/livez', async () => alive(await app())],
    ['/readyz', async () => ready(await readinessOf(await app()))],
    [
      '/metrics',
      async () => ({
        status: 200,
        type: PROMETHEUS,
        body: await metrics.text(await takeSnapshot(await app())),
      }),
    ],
    ['/', async () => page(await app())],
  ]);
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
async function readinessOf(app: App): Promise<Readiness> {
  try {
    return readiness(await takeSnapshot(app), app.config.admin?.allowances);
  } catch (error) {
    const trouble = { subject: 'journal', reason: 'overflowing', since: app.clock.now() } as const;
    return { ready: false, reasons: [{ ...trouble, detail: explain(error) }] };
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

async function page(app: App): Promise<AdminAnswer> {
  const snapshot = await takeSnapshot(app);
  const body = statusPage(snapshot, readiness(snapshot, app.config.admin?.allowances));
  return { status: 200, type: 'text/html; charset=utf-8', body };
}

function json(status: number, object: unknown): AdminAnswer {
  return { status, type: 'application/json', body: mask(`${JSON.stringify(object)}\n`) };
}
