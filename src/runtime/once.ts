import type { App } from './app.ts';
import type { SourcePollResult } from '../core/poll-stats.ts';
import { longestWaitingFirst } from '../collect/due.ts';
import { pollSource } from '../collect/loop.ts';
import { JournalWriteError } from '../journal/sqlite/errors.ts';
import { beatIfDue } from './heartbeat.ts';
import { type OverdueStream, overdueStreams, type SourceState } from '../observe/states.ts';
import { takeSnapshot } from '../observe/snapshot.ts';
import { SeenNotes } from './state-reports.ts';
import { together } from './together.ts';
import { watchState } from './watch-state.ts';

/** What one pass did. */
export interface OnceSummary {
  readonly sweeps: readonly SourcePollResult[];
  /** Events that the journal holds and some destination still lacks. */
  readonly undelivered: number;
  /** Dead letters, in all. */
  readonly rejected: number;
  /** Streams that were not read for longer than readiness allows, whether they were polled now or not. */
  readonly overdue: readonly OverdueStream[];
  /** How each source is, by its name. */
  readonly states: ReadonlyMap<string, SourceState>;
  /** Why the journal could not be written, if a sweep failed by that. */
  readonly journalFailure: JournalWriteError | undefined;
}

/**
 * Polls every stream now, whatever its schedule, while delivery goes on; then waits until every destination has all of
 * it, is paused, or the app's signals abort. `names` limits what is polled. Rejects only when the state cannot be used, or its
 * disk does not take what is delivered.
 */
export async function once(app: App, names?: readonly string[]): Promise<OnceSummary> {
  const sweeps: SourcePollResult[] = [];
  const { heartbeat } = app.config;
  const pass = collect(app, sweeps, names)
    .then(() => (heartbeat === undefined ? undefined : beatIfDue(app, heartbeat)))
    .then(() => Promise.all(app.deliveries.map((delivery) => delivery.idle())))
    .finally(() => app.abort());
  const notes = new SeenNotes(app);
  const loops = [
    pass,
    watchState(app),
    notes.run(),
    ...app.deliveries.map((delivery) => delivery.run(app.delivering)),
  ];
  await together(loops, () => app.abort());
  await notes.note();
  await app.journal.trim(app.clock.now());
  const { sources, undelivered, rejected } = await takeSnapshot(app);
  const now = app.clock.now();
  const overdue = sources.flatMap((status, index) => {
    const schedule = app.sources[index]?.schedule;
    return schedule === undefined ? [] : overdueStreams({ status, schedule, now });
  });
  return {
    sweeps,
    undelivered,
    rejected,
    overdue,
    states: new Map(sources.map(({ config, state }) => [config.name, state])),
    journalFailure: failureOf(sweeps),
  };
}

function failureOf(sweeps: readonly SourcePollResult[]): JournalWriteError | undefined {
  return sweeps.flatMap(({ errors }) => errors).find((error) => error instanceof JournalWriteError);
}

async function collect(
  { sources, journal }: App,
  sweeps: SourcePollResult[],
  names: readonly string[] | undefined,
): Promise<void> {
  const wanted = sources.filter(({ context }) => names === undefined || names.includes(context.config.name));
  await Promise.all(
    (await longestWaitingFirst(journal, wanted)).map(async ({ context }) => {
      const result = await pollSource(context);
      if (result !== undefined) sweeps.push(result);
    }),
  );
}
