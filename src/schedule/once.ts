import type { App } from '../app.ts';
import type { SweepResult } from '../collect/sweep.ts';
import { turn } from '../collect/worker.ts';
import { beatIfDue } from '../telemetry/heartbeat.ts';
import { together } from './together.ts';
import { watchState } from './watch-state.ts';

/** What one pass did. */
export interface OnceSummary {
  readonly sweeps: readonly SweepResult[];
  /** Events that the journal holds and some destination still lacks. */
  readonly undelivered: number;
}

/**
 * Polls every stream now, whatever its schedule, while delivery goes on; then waits until every destination has all of
 * it, is paused, or the app's signals abort. `names` limits what is polled. Rejects only when the state cannot be used.
 */
export async function once(app: App, names?: readonly string[]): Promise<OnceSummary> {
  const sweeps: SweepResult[] = [];
  const { heartbeat } = app.config;
  const pass = collect(app, sweeps, names)
    .then(() => (heartbeat === undefined ? undefined : beatIfDue(app, heartbeat)))
    .then(() => Promise.all(app.deliveries.map((delivery) => delivery.idle())))
    .finally(() => app.abort());
  const loops = [pass, watchState(app), ...app.deliveries.map((delivery) => delivery.run(app.delivering))];
  await together(loops, () => app.abort());
  await app.journal.trim(app.clock.now());
  const waiting = await Promise.all(
    app.config.destinations.map(({ name, sources }) => app.journal.waiting(name, sources)),
  );
  return { sweeps, undelivered: Math.max(0, ...waiting) };
}

async function collect(
  { sources }: App,
  sweeps: SweepResult[],
  names: readonly string[] | undefined,
): Promise<void> {
  const wanted = sources.filter(({ context }) => names === undefined || names.includes(context.config.name));
  await Promise.all(
    wanted.map(async ({ context, halt }) => {
      const result = await turn(context, halt);
      if (result !== undefined) sweeps.push(result);
    }),
  );
}
