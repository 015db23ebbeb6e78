import { pollSource } from '../collect/loop.ts';
import type { SourcePollResult } from '../core/observers.ts';
import { JournalWriteError } from '../journal/journal.ts';
import { takeSnapshot } from '../observe/snapshot.ts';
import { overdueStreams, type OverdueStream, type SourceState } from '../observe/states.ts';
import type { App } from './app.ts';
import { heartbeatIfDue } from './heartbeat.ts';
import { subjectsOf } from './holds.ts';
import { watchState } from './loops.ts';
import { runAll } from './run-all.ts';
import { StateReports } from './state-reports.ts';

/** What one pass did. */
export interface OnceSummary {
  readonly polls: readonly SourcePollResult[];
  /** Events in the journal that some destination does not have yet. */
  readonly undelivered: number;
  /** Dead letters, in all. */
  readonly rejected: number;
  /** Streams that were not read for longer than readiness allows, whether they were polled now or not. */
  readonly overdue: readonly OverdueStream[];
  /** The state of each source, by its name. */
  readonly states: ReadonlyMap<string, SourceState>;
  /** Why the journal could not be written, if a poll failed because of that. */
  readonly journalFailure: JournalWriteError | undefined;
}

/**
 * Polls every stream now, whatever its schedule, and delivers meanwhile; then waits until every destination has
 * everything, is paused, or the app's signals abort. `names`: only these sources are polled. Rejects only when the state
 * cannot be used, or its disk does not accept the position of a delivery.
 */
export async function once(app: App, names?: readonly string[]): Promise<OnceSummary> {
  const polls: SourcePollResult[] = [];
  const { heartbeat } = app.config;
  const pass = async () => {
    try {
      await pollAll(app, polls, names);
      if (heartbeat !== undefined) await heartbeatIfDue(app, heartbeat);
      await Promise.all(app.units.deliveries.map((delivery) => delivery.idle()));
    } finally {
      app.abort();
    }
  };
  const reports = new StateReports(app);
  await runAll(app, [pass(), deliver(app), watchState(app), reports.run()]);
  await reports.write();
  await app.journal.trim(app.clock.now());
  return summaryOf(app, polls);
}

async function pollAll(
  app: App,
  polls: SourcePollResult[],
  names: readonly string[] | undefined,
): Promise<void> {
  const sources = subjectsOf(app.config).filter(({ kind }) => kind === 'source');
  const wanted = sources.filter(({ name }) => names === undefined || names.includes(name));
  await app.holds.run(wanted, async (assignment) => {
    await using unit = app.units.openSource(assignment);
    const result = await pollSource(unit.context);
    if (result !== undefined) polls.push(result);
  });
}

async function deliver(app: App): Promise<void> {
  const destinations = subjectsOf(app.config).filter(({ kind }) => kind === 'destination');
  await app.holds.run(destinations, async (assignment) => {
    await using unit = app.units.open(assignment);
    await unit.run();
  });
}

async function summaryOf(app: App, polls: readonly SourcePollResult[]): Promise<OnceSummary> {
  const { sources, undelivered, rejected } = await takeSnapshot(app);
  const now = app.clock.now();
  const overdue = sources.flatMap((status) =>
    overdueStreams({ status, schedule: app.scheduleOf(status.config), now }),
  );
  return {
    polls,
    undelivered,
    rejected,
    overdue,
    states: new Map(sources.map(({ config, state }) => [config.name, state])),
    journalFailure: polls.flatMap(({ errors }) => errors).find((error) => error instanceof JournalWriteError),
  };
}
