import { isDeepStrictEqual } from 'node:util';
import { StateError } from '../core/errors.ts';
import { asJson, type Json } from '../core/json.ts';
import type { State } from '../core/state.ts';
import { isoTime } from '../ecs/common.ts';
import { ownReports, takeOwnSnapshot } from '../observe/snapshot.ts';
import { SUBJECTS } from '../observe/status.ts';
import type { App } from './app.ts';
import { subjectsOf } from './holds.ts';

/** A change is in the state within a second. Milliseconds. */
const LOOK_EVERY = 500;

/** Changes that follow each other faster are logged as one. Milliseconds. */
const LOG_EVERY = 10_000;

/** States that are no news: what leads to them, or away from them, is logged where it happens. */
const QUIET = ['healthy', 'starting', 'throttled'];

/**
 * Writes what this process knows of its sources and destinations to the state whenever it changes: `status` beside it
 * shows it, and the next process starts from it. Logs when a source or a destination is in another state than before.
 */
export class StateReports {
  readonly #app: App;
  /** What the state holds; undefined before it was read. */
  #written: Map<string, Json> | undefined;
  /** The state that was logged last, by source or destination. */
  readonly #logged = new Map<string, string>();
  #isLogDue = false;
  #loggedAt = -Infinity;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(app: App) {
    this.#app = app;
  }

  /** Writes every so many milliseconds until delivering ends. Rejects with a StateError when the state cannot be used. */
  async run(lookEvery: number = LOOK_EVERY): Promise<void> {
    const { clock, delivering: signal } = this.#app;
    while (!signal.aborted) {
      await this.write();
      await clock.sleep(lookEvery, signal).catch(() => undefined);
    }
  }

  /**
   * Writes what has changed. When the disk is full, the next call tries again. One write at a time: calls during a write
   * share the next one.
   */
  write(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#write();
        return this.#writing;
      });
    return this.#next;
  }

  async #write(): Promise<void> {
    const { journal, log } = this.#app;
    try {
      const written = (this.#written ??= new Map(await journal.states.all()));
      const reports = await reportsOf(this.#app);
      const changes = changesOf(this.#app, written, reports);
      if (changes.size > 0) {
        await journal.states.note(changes);
        for (const [subject, report] of changes)
          if (report === undefined) written.delete(subject);
          else written.set(subject, report);
        this.#isLogDue = true;
      }
      // Whoever held it meanwhile may have written something else.
      for (const subject of written.keys()) if (!reports.has(subject)) written.delete(subject);
      await this.#logStates();
    } catch (error) {
      if (error instanceof StateError) throw error;
      log.debug({ err: error }, 'The reports could not be written to the state; retrying.');
    }
  }

  /** Logs the states that differ from the last time, unless that was just now. */
  async #logStates(): Promise<void> {
    const now = this.#app.clock.now();
    if (!this.#isLogDue || Math.abs(now - this.#loggedAt) < LOG_EVERY) return;
    this.#isLogDue = false;
    this.#loggedAt = now;
    const { sources, destinations } = await takeOwnSnapshot(this.#app);
    for (const { config, state } of sources) this.#logState('source', config.name, state);
    for (const { name, state } of destinations) this.#logState('destination', name, state);
  }

  #logState(what: 'source' | 'destination', name: string, state: State<string>): void {
    const { name: stateName, since, reason, until } = state;
    const subject = `${what} ${name}`;
    if (stateName === (this.#logged.get(subject) ?? 'healthy')) return;
    this.#logged.set(subject, stateName);
    const fields = {
      penstock: {
        [what]: name,
        state: stateName,
        ...(since !== undefined && { since: isoTime(since) }),
        ...(until !== undefined && { next_try_at: isoTime(until) }),
      },
      ...(reason !== undefined && { error: { message: reason } }),
    };
    const level = QUIET.includes(stateName) ? 'debug' : 'info';
    this.#app.log[level](fields, `The state of a ${what} changed.`);
  }
}

/** What must be written so that the state holds these reports; undefined: to be removed, since nothing has the name. */
function changesOf(
  { config, journal }: App,
  written: ReadonlyMap<string, Json>,
  reports: ReadonlyMap<string, Json>,
): ReadonlyMap<string, Json | undefined> {
  const changes = new Map<string, Json | undefined>(
    [...reports].filter(([subject, report]) => !isDeepStrictEqual(report, written.get(subject))),
  );
  // Another replica may have another configuration.
  if (journal.leases !== undefined) return changes;
  const named = new Set(subjectsOf(config).map(({ kind, name }) => SUBJECTS[kind](name)));
  for (const subject of written.keys())
    if (!named.has(subject) && !reports.has(subject)) changes.set(subject, undefined);
  return changes;
}

/** What this process reports of what it works on. */
async function reportsOf(app: App): Promise<ReadonlyMap<string, Json>> {
  const { config, journal, clock } = app;
  const now = clock.now();
  const own = ownReports(app, await journal.room(now), now);
  const reports = new Map<string, Json>();
  for (const { kind, name } of subjectsOf(config)) {
    const report = own[kind](name);
    if (report !== undefined) reports.set(SUBJECTS[kind](name), asJson(report));
  }
  // Each replica reads its configuration for itself: it shows a rejected one itself.
  if (own.reloadFailed !== undefined && journal.leases === undefined)
    reports.set(SUBJECTS.reload, asJson(own.reloadFailed));
  return reports;
}
