import { explain, StateError } from '../core/errors.ts';
import { asJson } from '../core/json.ts';
import type { Logger } from '../core/log.ts';
import { JournalWriteError, LeaseLostError, type StoredJob } from '../journal/journal.ts';
import type { Subject } from '../journal/leases.ts';
import type { App } from './app.ts';
import { subjectsOf } from './holds.ts';
import {
  type JobHandlers,
  type JobOutcome,
  type JobProgress,
  type Kind,
  noteStarted,
  progressWithPlace,
  type Results,
  type RunningJob,
  specOf,
} from './jobs.ts';

interface ServeOptions {
  readonly handlers: JobHandlers;
  /** How often the journal is asked for new jobs. Milliseconds. */
  readonly lookEvery?: number | undefined;
  /** Works on these jobs alone. */
  readonly only?: readonly number[] | undefined;
}

/** A job whose progress or outcome did not fit on a full disk starts again after this. Milliseconds. */
const RESTART_AFTER = 60_000;

/**
 * Works on the jobs in the journal about what this process holds, until delivering ends; whoever holds it next continues
 * with those that are open then. Jobs of one kind about one source or destination wait for one another. Rejects only when
 * the state cannot be used.
 */
export async function serveJobs(
  app: App,
  { handlers, lookEvery = 1_000, only }: ServeOptions,
): Promise<void> {
  const { clock, delivering: signal, units } = app;
  const queue = new JobQueue(app, handlers, only);
  while (!signal.aborted) {
    const { next } = units;
    await queue.startOpen();
    await clock.sleep(lookEvery, AbortSignal.any([signal, next])).catch(() => undefined);
  }
  await queue.end();
}

type JobUnits = Pick<RunningJob<Kind>, 'source' | 'destination' | 'signal'>;

interface RunParts {
  readonly units: JobUnits;
  readonly log: Logger;
}

/** When nobody holds what a job is about for so long, no replica has it in its configuration. Milliseconds. */
const UNHELD_FOR = 120_000;

/** What a job is worked on with; undefined: another process holds what it is about, or nobody does yet. */
function unitsOf(app: App, job: StoredJob): JobUnits | undefined {
  const { units, delivering } = app;
  const { source, destination } = job;
  const held = {
    source: source === undefined ? undefined : units.source(source),
    destination: destination === undefined ? undefined : units.destination(destination),
  };
  const unit = held.source ?? held.destination;
  if (unit === undefined) return isConfigured(app, job) ? undefined : { ...held, signal: delivering };
  return unit.signal.aborted ? undefined : { ...held, signal: unit.signal };
}

/** What this process holds for a job; undefined: what it is about is not configured, so nobody holds it. */
function heldFor({ source, destination }: StoredJob, units: JobUnits): Subject | undefined {
  if (source !== undefined && units.source !== undefined) return { kind: 'source', name: source };
  if (destination !== undefined && units.destination !== undefined)
    return { kind: 'destination', name: destination };
  return undefined;
}

/** Whether the configuration has what a job is about. */
function isConfigured({ config }: App, { source, destination }: StoredJob): boolean {
  return subjectsOf(config).some(({ name }) => name === source || name === destination);
}

class JobQueue {
  readonly #app: App;
  readonly #handlers: JobHandlers;
  readonly #only: readonly number[] | undefined;
  /** By what they are about. */
  readonly #running = new Map<string, Promise<void>>();
  /** By the id of an open job about what is not configured here: since when nobody holds that, epoch ms. */
  #unheld: ReadonlyMap<number, number> = new Map();
  #failure: StateError | JournalWriteError | undefined;

  constructor(app: App, handlers: JobHandlers, only: readonly number[] | undefined) {
    this.#app = app;
    this.#handlers = handlers;
    this.#only = only;
  }

  /** Starts the open jobs that do not run and need not wait. Throws what ended a job because the state cannot be used. */
  async startOpen(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    for (const job of await this.#open()) {
      const subject = `${job.kind}|${job.source ?? ''}|${job.destination ?? ''}`;
      if (this.#running.has(subject) || this.#only?.includes(job.id) === false) continue;
      const units = unitsOf(this.#app, job);
      if (units === undefined) continue;
      const run = this.#run(job, units).finally(() => this.#running.delete(subject));
      this.#running.set(subject, run);
      (units.source ?? units.destination)?.jobs.add(run);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.values());
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #open(): Promise<readonly StoredJob[]> {
    try {
      return await this.#ours(await this.#app.journal.jobs.open());
    } catch (error) {
      if (error instanceof StateError) throw error;
      const { log, live } = this.#app;
      log[live.state.level]({ err: error }, 'Could not read pending jobs; retrying.');
      return [];
    }
  }

  /** Leaves out jobs about what is not configured here, while another replica may work on them. */
  async #ours(jobs: readonly StoredJob[]): Promise<readonly StoredJob[]> {
    const { journal, clock } = this.#app;
    if (journal.leases === undefined || jobs.every((job) => isConfigured(this.#app, job))) return jobs;
    const replicas = await journal.replicas();
    const isHeld = ({ source = '', destination = '' }: StoredJob) =>
      replicas.some((one) => one.sources.includes(source) || one.destinations.includes(destination));
    const now = clock.now();
    const unheld = jobs.filter((job) => !isConfigured(this.#app, job) && !isHeld(job));
    this.#unheld = new Map(unheld.map(({ id }) => [id, this.#unheld.get(id) ?? now]));
    const isLeft = ({ id }: StoredJob) => now - (this.#unheld.get(id) ?? now) >= UNHELD_FOR;
    return jobs.filter((job) => isConfigured(this.#app, job) || isLeft(job));
  }

  /** Runs a job to its outcome, or until its signal aborts; who holds its subject next goes on. Never rejects. */
  async #run(job: StoredJob, units: JobUnits): Promise<void> {
    const { journal, clock } = this.#app;
    const { id, kind, source, destination } = job;
    const log = this.#app.log.child({ penstock: { request: { id, kind }, source, destination } });
    log.info('Job started.');
    try {
      const as = heldFor(job, units);
      await noteStarted(journal.jobs, id, as);
      const ended = await this.#handle(kind, job, { units, log });
      if (ended === undefined) return;
      await journal.jobs.finish(id, asJson(ended), clock.now(), as);
      const fields = { process: { exit_code: ended.code }, event: { reason: ended.message } };
      if (ended.code === 0) log.info(fields, 'Job finished.');
      else log.warn(fields, 'Job finished incompletely.');
    } catch (error) {
      // Who holds its subject next goes on.
      if (error instanceof LeaseLostError) return;
      // A command reports a full disk at once; a daemon waits for space.
      const isFatal = error instanceof JournalWriteError && this.#only !== undefined;
      if (error instanceof StateError || isFatal) {
        this.#failure ??= error;
        return;
      }
      log[this.#app.live.state.level](
        { err: error },
        'The job could not be noted in the journal; it starts again in a minute.',
      );
      await clock.sleep(RESTART_AFTER, units.signal).catch(() => undefined);
    }
  }

  async #handle<K extends Kind>(
    kind: K,
    job: StoredJob,
    { units, log }: RunParts,
  ): Promise<JobOutcome<Results<K>> | undefined> {
    const spec = specOf(kind, job);
    if (spec === undefined) return { code: 2, message: 'This release does not know this kind of job.' };
    try {
      return await this.#handlers[kind]({
        app: this.#app,
        ...units,
        spec,
        before: progressWithPlace(kind, job),
        note: (now) => this.#note(job, now, { units, log }),
      });
    } catch (error) {
      if (error instanceof LeaseLostError) return undefined;
      if (error instanceof StateError || error instanceof JournalWriteError) throw error;
      log.error({ err: error }, 'The job failed because of a bug in Penstock. Please report it.');
      return { code: 1, message: `The job failed because of a bug in Penstock: ${explain(error)}` };
    }
  }

  /** Progress that could not be noted costs some repeats after a restart, nothing else. */
  async #note(job: StoredJob, now: JobProgress, { units, log }: RunParts): Promise<void> {
    try {
      await this.#app.journal.jobs.noteProgress(job.id, asJson(now), heldFor(job, units));
    } catch (error) {
      if (!(error instanceof JournalWriteError)) throw error;
      // The signal of the job has aborted, and who holds its subject next goes on.
      if (error instanceof LeaseLostError) return;
      log.warn({ err: error }, 'The progress of the job could not be noted.');
    }
  }
}
