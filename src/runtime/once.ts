import { pollSource } from '../collect/loop.ts';
import { PollStats, type SourcePollResult } from '../core/observers.ts';
import { JournalWriteError } from '../journal/journal.ts';
import { totalsOf } from '../observe/live.ts';
import { type Snapshot, takeSnapshot } from '../observe/snapshot.ts';
import type { DestinationStatus } from '../observe/status.ts';
import { overdueStreams, type OverdueStream, type SourceState } from '../observe/states.ts';
import type { Subject } from '../journal/leases.ts';
import type { App } from './app.ts';
import { untilDelivered } from './delivered.ts';
import { PollsElsewhere } from './elsewhere.ts';
import { heartbeatIfDue } from './heartbeat.ts';
import { type Assignment, subjectsOf } from './holds.ts';
import { watchState } from './loops.ts';
import { runAll } from './run-all.ts';
import { StateReports } from './state-reports.ts';
import { untilRead } from './until-read.ts';

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
  /** What other replicas hold, and what this pass waited for until its end. */
  readonly waitedFor: readonly HeldElsewhere[];
}

interface HeldElsewhere extends Subject {
  /** The name of the replica. */
  readonly replica: string;
}

/** What a pass had not done at its end. */
interface Left {
  /** Not polled, here or elsewhere. */
  sources: readonly string[];
  /** They do not have everything of this pass. */
  destinations: readonly string[];
}

/**
 * Polls every stream now, whatever its schedule, and delivers meanwhile; then waits until every destination has
 * everything, is paused, or the app's signals abort. What another process holds is waited for as well: a source until it
 * was polled there, or can be polled here. `names`: only these sources are polled. `deadline`: until when a database that
 * is away is waited for when the pass is done. Rejects only when the state cannot be used, or its disk does not accept
 * the position of a delivery.
 */
export async function once(
  app: App,
  names?: readonly string[],
  deadline: AbortSignal = app.delivering,
): Promise<OnceSummary> {
  const polls: SourcePollResult[] = [];
  const reports = new StateReports(app);
  const left: Left = { sources: [], destinations: app.config.destinations.map(({ name }) => name) };
  const pass = async () => {
    try {
      left.sources = await pollAll(app, { polls, names, reports });
      left.destinations = await untilDelivered(app);
    } finally {
      app.abort();
    }
  };
  await runAll(app, [pass(), deliver(app, reports), watchState(app), reports.run()]);
  return afterPass(app, deadline, async () => {
    await reports.write();
    const untrimmed = await trim(app);
    const summary = await summaryOf(app, polls, left);
    // Now that the state answers: while it is away, this is tried again and again.
    if (untrimmed !== undefined) app.log.warn({ err: untrimmed }, UNTRIMMED);
    return summary;
  });
}

/** What the pass did is committed. Only its summary is missing while the database is away, so the words say so. */
async function afterPass<T>(
  { journal, clock, live }: App,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await untilRead(work, { journal, clock, signal });
  } catch (error) {
    if (!(error instanceof JournalWriteError)) throw error;
    const { collected, delivered } = totalsOf(live);
    throw new JournalWriteError(
      `The pass has ended, and what it did is kept (${collected} collected, ${delivered} delivered); but its summary could not be read from the state, so it is not known whether anything is left. ${error.message}`,
      { cause: error },
    );
  }
}

const UNTRIMMED = 'Delivered pages could not be removed. The next pass removes them.';

/** Removes delivered pages. Returns why that failed, where the next pass may do it. */
async function trim({ journal, clock }: App): Promise<JournalWriteError | undefined> {
  try {
    await journal.trim(clock.now());
    return undefined;
  } catch (error) {
    if (!(error instanceof JournalWriteError)) throw error;
    return error;
  }
}

interface Pass {
  /** How each poll ended. */
  readonly polls: SourcePollResult[];
  /** The sources to poll; undefined: all. */
  readonly names: readonly string[] | undefined;
  readonly reports: StateReports;
}

/** Returns the sources that were not polled, here or elsewhere, until the end. */
async function pollAll(app: App, { polls, names, reports }: Pass): Promise<readonly string[]> {
  const { journal, clock, delivering: signal } = app;
  const sources = subjectsOf(app.config).filter(({ kind }) => kind === 'source');
  const wanted = sources.filter(({ name }) => names === undefined || names.includes(name));
  const elsewhere = new PollsElsewhere(journal, clock.now());
  const left = new Set(wanted.map(({ name }) => name));
  const { heartbeat } = app.config;
  const isShared = journal.leases !== undefined;
  const poll = async (assignment: Assignment) => {
    const { hold } = assignment;
    await using unit = app.units.openSource(assignment);
    const result = await pollSource(unit.context);
    // Another process polls it, or this one once more.
    if (hold.signal.aborted) return;
    left.delete(hold.subject.name);
    if (result !== undefined) polls.push(result);
    if (!isShared) return;
    // Who holds it next begins with what is known of it.
    await reports.write();
    if (heartbeat !== undefined) await heartbeatIfDue(app, heartbeat, hold.subject.name);
  };
  await app.holds.run(wanted, poll, elsewhere.done);
  const done = await untilRead(() => elsewhere.results(), { journal, clock, signal });
  polls.push(...done);
  for (const { source } of done) left.delete(source);
  if (!isShared && heartbeat !== undefined) await heartbeatIfDue(app, heartbeat);
  for (const source of left) polls.push({ source, outcome: 'cut', stats: new PollStats(), errors: [] });
  return [...left];
}

async function deliver(app: App, reports: StateReports): Promise<void> {
  const destinations = subjectsOf(app.config).filter(({ kind }) => kind === 'destination');
  await app.holds.run(destinations, async (assignment) => {
    await using unit = app.units.open(assignment);
    await unit.run();
    await reports.write();
  });
}

async function summaryOf(app: App, polls: readonly SourcePollResult[], left: Left): Promise<OnceSummary> {
  const { sources, destinations, undelivered, rejected, replicas } = await takeSnapshot(app);
  const now = app.clock.now();
  const overdue = sources.flatMap((status) =>
    overdueStreams({ status, schedule: app.scheduleOf(status.config), now }),
  );
  return {
    polls,
    undelivered: replicas === undefined ? undelivered : undeliveredOf(destinations, left),
    rejected,
    overdue,
    states: new Map(sources.map(({ config, state }) => [config.name, state])),
    journalFailure: polls.flatMap(({ errors }) => errors).find((error) => error instanceof JournalWriteError),
    waitedFor: heldElsewhere(left, { sources, destinations }),
  };
}

/** Others journal all the time: what waits for a destination that has everything of this pass is not of this pass. */
function undeliveredOf(destinations: readonly DestinationStatus[], left: Left): number {
  const late = destinations.filter(
    ({ name, paused }) => paused !== undefined || left.destinations.includes(name),
  );
  return Math.max(0, ...late.map(({ waiting }) => waiting));
}

/** Of what is left, what other replicas hold; this one has given back what it held. */
function heldElsewhere(
  left: Left,
  { sources, destinations }: Pick<Snapshot, 'sources' | 'destinations'>,
): readonly HeldElsewhere[] {
  const holders = [
    ...sources.map(({ config: { name }, replica }) => ({ kind: 'source', name, replica }) as const),
    ...destinations
      .filter(({ waiting }) => waiting > 0)
      .map(({ name, replica }) => ({ kind: 'destination', name, replica }) as const),
  ];
  return holders.flatMap(({ kind, name, replica }) => {
    const isLeft = left[kind === 'source' ? 'sources' : 'destinations'].includes(name);
    return isLeft && replica !== undefined ? [{ kind, name, replica }] : [];
  });
}
