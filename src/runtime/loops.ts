import { untilAborted } from '../core/clock.ts';
import { StateError } from '../core/errors.ts';
import type { Subject } from '../journal/leases.ts';
import { GRACE, JOURNAL_LOOP, since, totalsOf } from '../observe/live.ts';
import type { App } from './app.ts';
import { replay, retry } from './destination-jobs.ts';
import { heartbeats } from './heartbeat.ts';
import { type Assignment, subjectsOf } from './holds.ts';
import { serveJobs } from './job-queue.ts';
import { noteStarted, type JobHandlers } from './jobs.ts';
import { runAll } from './run-all.ts';
import { backfill, rewind } from './source-jobs.ts';
import { StateReports } from './state-reports.ts';

const HANDLERS: JobHandlers = { backfill, replay, retry, rewind };

/** Milliseconds. */
const TRIM_EVERY = 60_000;
const NOTE_EVERY = 60_000;
const LOOK_EVERY = 1_000;
const HOUR = 3_600_000;

interface LoopOptions {
  /** How often the loops look for new jobs and for changes of the state, milliseconds. For tests. */
  readonly lookEvery?: number | undefined;
}

/**
 * The daemon's loops: polls each source that it holds when it is due, delivers to each destination that it holds, and
 * works on jobs, until the app's signals have aborted. The loops share nothing but the journal. Rejects when the state
 * cannot be used: then all of them end, and nothing is lost.
 */
export async function runLoops(app: App, { lookEvery }: LoopOptions = {}): Promise<void> {
  const reports = new StateReports(app);
  await runAll(app, [
    app.holds.run(subjectsOf(app.config), (assignment) => workOn(app, assignment, reports)),
    trimJournal(app),
    serveJobs(app, { handlers: HANDLERS, lookEvery }),
    watchState(app, lookEvery),
    reports.run(lookEvery),
    summariseHourly(app),
    ...(app.config.admin === undefined ? [] : [takePulse(app)]),
    ...(app.config.heartbeat === undefined ? [] : [heartbeats(app, app.config.heartbeat)]),
  ]);
  await reports.write();
  app.live.pulse.rest();
}

/** Works on a source or a destination while it is held: makes what that needs, runs it, and closes it. */
async function workOn(app: App, assignment: Assignment, reports: StateReports): Promise<void> {
  await using unit = app.units.open(assignment);
  await unit.run();
  // Who holds it next begins with what is known of it.
  await reports.write();
}

interface LocalJobs<T> {
  /** Their ids. */
  readonly jobs: readonly number[];
  /** Names of the sources that they are about. */
  readonly sources: readonly string[];
  /** Whether sources are polled meanwhile, when they are due. */
  readonly polls: boolean;
  /** Waits for their ends. All loops end when it settles. */
  readonly follow: () => Promise<T>;
}

/** Works on some jobs without a daemon, and delivers meanwhile. Resolves with what `follow` does; rejects when the state cannot be used. */
export async function runLocally<T>(app: App, { jobs, sources, polls, follow }: LocalJobs<T>): Promise<T> {
  for (const job of jobs) await noteStarted(app.journal.jobs, job);
  const followed = follow();
  const work = async (assignment: Assignment) => {
    await using unit = app.units.open(assignment);
    if (polls || assignment.hold.subject.kind === 'destination') await unit.run();
    else await untilAborted(unit.signal);
  };
  await runAll(app, [
    app.holds.run(subjectsOfJobs(app, sources), work),
    trimJournal(app),
    serveJobs(app, { handlers: HANDLERS, only: jobs }),
    watchState(app),
    followed.finally(() => app.abort()),
  ]);
  return followed;
}

/** Of a shared state only what the jobs need: the rest is for replicas, also for those that start meanwhile. */
function subjectsOfJobs({ config, journal }: App, sources: readonly string[]): readonly Subject[] {
  const all = subjectsOf(config);
  if (journal.leases === undefined) return all;
  return all.filter(({ kind, name }) => kind === 'destination' || sources.includes(name));
}

/** Frees the journal's space that nothing needs any more, until delivering ends. */
async function trimJournal({ journal, clock, log, live, delivering: signal }: App): Promise<void> {
  while (!signal.aborted) {
    try {
      await journal.trim(clock.now());
    } catch (error) {
      if (error instanceof StateError) throw error;
      log[live.state.level]({ err: error }, 'The journal could not be trimmed; retrying in a minute.');
    }
    live.pulse.expect(JOURNAL_LOOP, TRIM_EVERY + GRACE);
    await clock.sleep(TRIM_EVERY, signal).catch(() => undefined);
  }
}

/**
 * Checks that the files of the state are still there, until delivering ends, and notes once a minute how far the state
 * is. Rejects with a StateError when they are not: going on would lose or repeat data.
 */
export async function watchState(
  { journal, clock, log, live, keepsLast, delivering: signal }: App,
  lookEvery: number = LOOK_EVERY,
): Promise<void> {
  let noted = -Infinity;
  while (!signal.aborted) {
    try {
      await journal.requirePresent();
      const now = clock.now();
      if (keepsLast && Math.abs(now - noted) >= NOTE_EVERY && (await journal.noteLast(now))) noted = now;
    } catch (error) {
      if (error instanceof StateError) throw error;
      log[live.state.level]({ err: error }, 'The files of the state could not be checked; retrying.');
    }
    await clock.sleep(lookEvery, signal).catch(() => undefined);
  }
}

/** Reports deliveries as alive while they wait: `/livez` fails only when a loop hangs. */
async function takePulse({ live, clock, delivering: signal, units }: App): Promise<void> {
  await live.pulse.run(clock, signal, () => {
    for (const { destination, state } of units.deliveries) live.deliveryAlive(destination, state);
  });
}

/** Logs once an hour what was done in it, until delivering ends. A reload does not start a new hour. */
async function summariseHourly(app: App): Promise<void> {
  const { clock, live, delivering: signal } = app;
  live.summarised ??= { at: clock.now(), totals: totalsOf(live) };
  while (!signal.aborted) {
    await clock.sleep(live.summarised.at + HOUR - clock.now(), signal).catch(() => undefined);
    if (signal.aborted) return;
    const before = live.summarised.totals;
    live.summarised = { at: clock.now(), totals: totalsOf(live) };
    const backlog = await largestBacklog(app);
    const done = since(before, live.summarised.totals);
    app.log.info({ penstock: { ...done, ...(backlog !== undefined && { backlog }) } }, 'Hourly summary.');
  }
}

/** Events that wait for the destination with the longest backlog; undefined when the journal cannot be read now. */
async function largestBacklog({ config, journal, log, live }: App): Promise<number | undefined> {
  try {
    const waiting = config.destinations.map(({ name, sources }) =>
      journal.destinations.waiting(name, sources),
    );
    return Math.max(0, ...(await Promise.all(waiting)));
  } catch (error) {
    if (error instanceof StateError) throw error;
    log[live.state.level]({ err: error }, 'The backlog could not be read for the hourly summary.');
    return undefined;
  }
}
