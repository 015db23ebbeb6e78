import type { App } from './app.ts';
import { explain, StateError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { JournalWriteError } from '../journal/sqlite/errors.ts';
import type { HeldRequest } from '../journal/request.ts';
import type { Job } from './job.ts';
import { runBackfill } from './run-backfill.ts';
import { runReplay } from './destination-jobs.ts';
import { runRetry } from './run-retry.ts';
import { runRewind } from './run-rewind.ts';
import { begin, progressOf, wantedOf, type Outcome, type Wanted } from './wanted.ts';

interface ServeOptions {
  /** How often it is looked what commands have left, milliseconds. */
  readonly lookEvery?: number | undefined;
  /** Serves this request alone. */
  readonly only?: number | undefined;
}

/** A request that could not be noted on a full disk is begun anew after this. Milliseconds. */
const PATIENCE = 60_000;

/**
 * Carries out what commands leave, until delivering ends; what is not finished by then goes on in the next process.
 * Requests of one kind about one source or destination wait for one another. Rejects only when the state cannot be used.
 */
export async function serveRequests(app: App, options: ServeOptions = {}): Promise<void> {
  const { clock, delivering: signal } = app;
  const { lookEvery = 1_000, only } = options;
  const service = new Service(app, only !== undefined);
  while (!signal.aborted) {
    await service.look(only);
    await clock.sleep(lookEvery, signal).catch(() => undefined);
  }
  await service.end();
}

class Service {
  readonly #app: App;
  /** By what they are about. */
  readonly #running = new Map<string, Promise<void>>();
  /** Whether a journal that cannot be written is waited for; where a command waits for its own request, it is not. */
  readonly #isPatient: boolean;
  #failure: StateError | JournalWriteError | undefined;

  constructor(app: App, isCommand: boolean) {
    this.#app = app;
    this.#isPatient = !isCommand;
  }

  /** Begins what is open and not begun. Throws what ended a request because the state cannot be used. */
  async look(only?: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    for (const request of await this.#open()) {
      const subject = `${request.kind}|${request.source ?? ''}|${request.destination ?? ''}`;
      if (this.#running.has(subject) || (only !== undefined && request.id !== only)) continue;
      const run = this.#carryOut(request).finally(() => this.#running.delete(subject));
      this.#running.set(subject, run);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#running.values());
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #open(): Promise<readonly HeldRequest[]> {
    try {
      return await this.#app.journal.openRequests();
    } catch (error) {
      if (error instanceof StateError) throw error;
      this.#app.log.error({ err: error }, 'Could not read pending jobs; retrying.');
      return [];
    }
  }

  /** Never rejects. */
  async #carryOut(request: HeldRequest): Promise<void> {
    const { journal, clock, delivering } = this.#app;
    const { id, kind, source, destination } = request;
    const log = this.#app.log.child({ penstock: { request: { id, kind }, source, destination } });
    log.info('Job started.');
    try {
      await begin(journal, id);
      const outcome = await this.#run(request, log);
      if (outcome === undefined) return;
      await journal.finishRequest(id, outcome as unknown as Json, clock.now());
      const ended = { process: { exit_code: outcome.code }, event: { reason: outcome.message } };
      if (outcome.code === 0) log.info(ended, 'Job finished.');
      else log.warn(ended, 'The request has ended, and not all of it could be done.');
    } catch (error) {
      if (error instanceof StateError || (error instanceof JournalWriteError && !this.#isPatient)) {
        this.#failure ??= error;
        return;
      }
      log.error(
        { err: error },
        'The request could not be noted in the journal; it is begun anew in a minute.',
      );
      await clock.sleep(PATIENCE, delivering).catch(() => undefined);
    }
  }

  async #run(request: HeldRequest, log: Job['log']): Promise<Outcome | undefined> {
    const job: Job = {
      app: this.#app,
      log,
      before: progressOf(request),
      note: (progress) => this.#note(request.id, progress as unknown as Json, log),
    };
    const want = wantedOf(request);
    if (want === undefined) return { code: 2, message: 'This release does not know what was asked for.' };
    try {
      return await carryOut(job, want);
    } catch (error) {
      if (error instanceof StateError || error instanceof JournalWriteError) throw error;
      log.error({ err: error }, 'The request failed by a bug of Penstock. Please report it.');
      return { code: 1, message: `It failed by a bug of Penstock: ${explain(error)}` };
    }
  }

  /** A place that could not be noted costs some repeats after a restart, nothing else. */
  async #note(id: number, progress: Json, log: Job['log']): Promise<void> {
    try {
      await this.#app.journal.noteProgress(id, progress);
    } catch (error) {
      if (!(error instanceof JournalWriteError)) throw error;
      log.warn({ err: error }, 'How far the request has come could not be noted.');
    }
  }
}

function carryOut(job: Job, want: Wanted): Promise<Outcome | undefined> {
  if (want.kind === 'backfill') return runBackfill(job, want);
  if (want.kind === 'replay') return runReplay(job, want);
  return want.kind === 'retry' ? runRetry(job, want) : runRewind(job, want);
}
