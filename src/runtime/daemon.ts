import { openApp, type App } from './app.ts';
import { ConfigError, StateError } from '../core/errors.ts';
import { daemon } from './loops.ts';
import { together } from './together.ts';
import { VERSION } from '../core/version.ts';
import type { Io } from '../cli/io.ts';
import { openPatiently } from './wait-for-state.ts';
import type { Operations } from './admin-services.ts';
import { nextPlan, tellRefused, type Reloads } from './reload.ts';
import type { Plan } from '../cli/set-up.ts';

/** After a stop, delivery may go on this long; what is journaled and not delivered by then waits for the next start. */
const DRAIN = 5_000;

/** What all lives of a daemon share. */
export interface Daemon {
  readonly io: Io;
  readonly operations: Operations;
  readonly reloads: Reloads;
  readonly load: () => Promise<Plan>;
}

/** The app from one reload to the next. */
export interface Life {
  readonly plan: Plan;
  readonly app: App;
  readonly delivering: AbortController;
}

/**
 * Opens a configuration's app, and waits while a command holds the state. Undefined: a stop came meanwhile.
 * @throws ConfigError when the admin endpoint cannot listen; StateError when the state cannot be used.
 */
export function begin(parts: Daemon, plan: Plan): Promise<Life | undefined> {
  return open(parts, plan, false);
}

/**
 * What only opening shows (an address in use, a state made for another source) leaves the old configuration in force. A
 * disk that is full or fails is waited for.
 */
export async function beginAnew(parts: Daemon, next: Plan, before: Plan): Promise<Life | undefined> {
  try {
    return await open(parts, next, true);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StateError)) throw error;
    tellRefused({ log: before.log, live: parts.operations.live }, error);
    return open(parts, before, true);
  }
}

async function open(
  { io, operations }: Daemon,
  plan: Plan,
  outlastsDisk: boolean,
): Promise<Life | undefined> {
  const { config, log } = plan;
  await operations.listen(plan);
  const delivering = new AbortController();
  const parts = {
    ...io,
    config,
    log,
    mode: 'run',
    collecting: io.stop,
    delivering: delivering.signal,
    live: operations.live,
  } as const;
  const app = await openPatiently(io, { operations, plan, outlastsDisk, open: () => openApp(parts) });
  if (app === undefined) return undefined;
  operations.show(app);
  log.info(
    {
      penstock: {
        version: VERSION,
        ...(config.file !== undefined && { configuration: config.file }),
        state: config.state.path,
        sources: names(config.sources),
        destinations: names(config.destinations),
      },
    },
    'Started.',
  );
  operations.announce();
  return { plan, app, delivering };
}

/** Polls and delivers; then closes the app. Returns the plan to go on with, undefined at a stop. */
export async function live(parts: Daemon, life: Life): Promise<Plan | undefined> {
  const { io, operations } = parts;
  await using app = life.app;
  const ended = new AbortController();
  const next = nextPlan(parts, life.plan, AbortSignal.any([io.stop, ended.signal])).then((plan) => {
    if (plan !== undefined) app.abort();
    return plan;
  });
  try {
    await together([daemon(app), operations.push(app), drain(io, life)], () => app.abort());
  } finally {
    ended.abort();
    operations.hide();
  }
  return next;
}

/** At a stop, polling ends at once; delivery ends when all is delivered, or after a bound. */
async function drain(io: Io, { app, delivering }: Life): Promise<void> {
  await aborted(AbortSignal.any([io.stop, app.delivering]));
  if (app.delivering.aborted) return;
  app.log.info('Stopping: polling has ended, delivering what can be delivered.');
  const idle = Promise.all(app.deliveries.map((delivery) => delivery.idle()));
  await Promise.race([idle, io.clock.sleep(DRAIN)]);
  delivering.abort();
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) resolve();
  return promise;
}

function names(named: readonly { readonly name: string }[]): readonly string[] {
  return named.map(({ name }) => name);
}
