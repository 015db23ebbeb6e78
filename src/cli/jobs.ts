import { type JobStore, StateInUseError, type StoredJob } from '../journal/journal.ts';
import { keepHeapSmall } from './heap.ts';
import type { ExitCode, Io } from './io.ts';
import { jsonLine, say, TerminalLine } from './output.ts';
import type { Clock } from '../core/clock.ts';
import { EXIT } from '../core/errors.ts';
import { counted, showDuration } from '../core/text.ts';
import { isStateHeld, openJournalForJobs } from '../journal/open.ts';
import { openApp } from '../runtime/app.ts';
import {
  enqueue,
  type JobOutcome,
  type JobProgress,
  type JobSpec,
  outcomeOf,
  progressOf,
} from '../runtime/jobs.ts';
import { runLocally } from '../runtime/loops.ts';
import type { LoadedConfig } from '../runtime/reload.ts';

/** How often a command reads how far its job has come. Milliseconds. */
const LOOK_EVERY = 500;

/** A daemon that restarts is back sooner; without a process for so long, nobody works on the job. Milliseconds. */
const LONGEST_RESTART = 30_000;

const WITHDRAWN = { code: 4, message: 'The job was withdrawn because no process started it.' };

/** The command that asks for each kind of job. */
const COMMANDS = {
  backfill: 'backfill',
  replay: 'replay',
  retry: 'dead-letters retry',
  rewind: 'state rewind',
} as const;

interface JobCommand extends LoadedConfig {
  /** Of one kind. */
  readonly specs: readonly JobSpec[];
  /** Progress as JSON lines on stdout, instead of a bar on the terminal. */
  readonly json: boolean;
}

/**
 * Runs jobs to their ends. If a process holds the state, that process does them and the command follows them; else this
 * process does them. Returns the largest of their exit codes.
 * @throws StateError when the state cannot be used
 */
export async function runJobs(io: Io, command: JobCommand): Promise<ExitCode> {
  const display = new JobDisplay(io, command.json);
  let code: ExitCode = EXIT.done;
  let { specs } = command;
  while (specs.length > 0) {
    const followed = await runOrFollow(io, { ...command, specs }, display.show);
    display.end();
    const open: JobSpec[] = [];
    for (const [index, spec] of specs.entries()) {
      const end = followed[index];
      // The process that held the state is gone: this one does the job, or another one that holds the state by now.
      if (end === undefined || isLeft(end)) open.push(spec);
      else code = Math.max(code, conclude(io, command, spec, end)) as ExitCode;
    }
    specs = open;
  }
  return code;
}

type Show = FollowOptions['show'];

async function runOrFollow(io: Io, command: JobCommand, show: Show): Promise<readonly Followed[]> {
  try {
    return await runHere(io, command, show);
  } catch (error) {
    if (!(error instanceof StateInUseError)) throw error;
    return await enqueueAndFollow(io, command, { show });
  }
}

/** @throws StateInUseError when another process holds the state */
async function runHere(io: Io, { config, log, specs }: JobCommand, show: Show): Promise<readonly Followed[]> {
  const { clock, stop } = io;
  const [kind = 'retry'] = specs.map((spec) => spec.kind);
  const parts = { ...io, config, log, mode: 'run', collecting: stop, delivering: stop } as const;
  await using app = await openApp({ ...parts, command: COMMANDS[kind] });
  keepHeapSmall('command');
  const { journal, delivering: signal } = app;
  const jobs = await enqueueAll(journal.jobs, specs, clock.now());
  return await runLocally(app, {
    jobs,
    sources: specs.flatMap((spec) => ('source' in spec ? spec.source : [])),
    polls: kind === 'backfill',
    follow: () =>
      followAll(journal.jobs, jobs, { clock, signal, show, isServed: () => Promise.resolve(true) }),
  });
}

/** Leaves jobs for the process that holds the state, and follows them. */
export async function enqueueAndFollow(
  io: Io,
  { config, log, specs }: Omit<JobCommand, 'json'>,
  options: Pick<FollowOptions, 'show' | 'startWithin'>,
): Promise<readonly Followed[]> {
  const { clock, stop: signal } = io;
  await using journal = await openJournalForJobs(config.state, { clock, log });
  const jobs = await enqueueAll(journal.jobs, specs, clock.now());
  const isServed = () => isStateHeld(config.state);
  return await followAll(journal.jobs, jobs, { clock, signal, isServed, ...options });
}

async function enqueueAll(
  jobs: JobStore,
  specs: readonly JobSpec[],
  now: number,
): Promise<readonly number[]> {
  const ids: number[] = [];
  for (const spec of specs) ids.push(await enqueue(jobs, spec, now));
  return ids;
}

/** Follows each job to its end, one after another: they run meanwhile. */
async function followAll(
  jobs: JobStore,
  ids: readonly number[],
  options: FollowOptions,
): Promise<readonly Followed[]> {
  const followed: Followed[] = [];
  for (const id of ids) {
    const end = await follow(jobs, id, options);
    followed.push(end);
    // Nobody works on the others either.
    if (isLeft(end)) break;
  }
  return followed;
}

/** Why a command follows a job no longer. */
export type Followed =
  | { readonly kind: 'finished'; readonly job: StoredJob; readonly outcome: JobOutcome }
  /** It is open, and waits for a destination. */
  | { readonly kind: 'stuck'; readonly why: string }
  /** No process started it within `startWithin`; it is withdrawn. */
  | { readonly kind: 'unstarted' }
  /** It is open, and no process holds the state any more. */
  | { readonly kind: 'abandoned' }
  /** It is open, and the signal aborted. */
  | { readonly kind: 'stopped' };

type Left = Extract<Followed, { readonly kind: 'abandoned' | 'unstarted' }>;

/** Whether nobody works on the job. */
function isLeft(followed: Followed): followed is Left {
  return followed.kind === 'abandoned' || followed.kind === 'unstarted';
}

interface FollowOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called with the job each time it was read. */
  readonly show: (job: StoredJob) => void;
  /** Whether there is a process that could work on it. */
  readonly isServed: () => Promise<boolean>;
  /** How long it may take until a process starts it, milliseconds; then it is withdrawn. Default: no limit. */
  readonly startWithin?: number;
}

/** Follows a job until it is finished, or there is a reason to wait no longer. */
export async function follow(
  jobs: JobStore,
  id: number,
  { clock, signal, show, isServed, startWithin = Infinity }: FollowOptions,
): Promise<Followed> {
  const began = clock.now();
  let servedAt = began;
  for (;;) {
    const job = await jobs.find(id);
    if (job === undefined) return { kind: 'abandoned' };
    show(job);
    const outcome = outcomeOf(job);
    if (outcome !== undefined) return { kind: 'finished', job, outcome };
    const why = progressOf(job)?.stuck;
    if (why !== undefined) return { kind: 'stuck', why };
    if (job.progress === undefined && clock.now() - began >= startWithin) {
      await jobs.finish(id, WITHDRAWN, clock.now());
      return { kind: 'unstarted' };
    }
    if (await isServed()) servedAt = clock.now();
    if (clock.now() - servedAt >= LONGEST_RESTART) return { kind: 'abandoned' };
    await clock.sleep(LOOK_EVERY, signal).catch(() => undefined);
    if (signal.aborted) return { kind: 'stopped' };
  }
}

function conclude(
  io: Io,
  { json }: Pick<JobCommand, 'json'>,
  { kind }: JobSpec,
  followed: Exclude<Followed, Left>,
): ExitCode {
  if (followed.kind === 'finished') {
    const { code, message } = followed.outcome;
    if (code !== EXIT.done) say(io.stderr, `${message}\n`);
    else if (!json) say(io.stdout, `${message}\n`);
    return code;
  }
  const why = followed.kind === 'stuck' ? `${followed.why}\n` : '';
  const unfinished = `The ${kind} is not finished. The daemon continues it, now or at its next start; or run the same command again.`;
  say(io.stderr, `${why}${unfinished}\n`);
  return followed.kind === 'stopped' && kind === 'backfill' ? EXIT.incomplete : EXIT.undelivered;
}

/** Of the bar, in characters. */
const WIDTH = 24;

/** Shows how far a job has come: a bar on a terminal, else a JSON line for each change. */
class JobDisplay {
  readonly #io: Io;
  readonly #json: boolean;
  readonly #line: TerminalLine;
  #shown = '';
  /** The first progress that was shown: rate and time left are computed from it. */
  #start: (JobProgress & { readonly at: number }) | undefined;

  constructor(io: Io, json: boolean) {
    this.#io = io;
    this.#json = json;
    this.#line = new TerminalLine(io.stderr);
  }

  readonly show = (job: StoredJob): void => {
    const text = this.#json ? JSON.stringify(rowOf(job)) : this.#bar(job);
    if (text === this.#shown) return;
    this.#shown = text;
    if (this.#json) jsonLine(this.#io.stdout, rowOf(job));
    else this.#line.show(text);
  };

  /** Clears the bar. */
  end(): void {
    if (!this.#json) this.#line.show('');
  }

  #bar(job: StoredJob): string {
    const progress = progressOf(job);
    const name = [job.kind, job.source ?? job.destination ?? ''].join(' ').trimEnd();
    if (progress === undefined) return `${name}: waiting to start`;
    const { done, total, events } = progress;
    const share = total === 0 ? 0 : Math.min(1, done / total);
    const full = Math.round(share * WIDTH);
    const bar = `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${Math.floor(share * 100)}%`;
    return [`${name} ${bar}`, counted(events, 'event'), ...this.#speed(progress)].join(' · ');
  }

  #speed(progress: JobProgress): string[] {
    const now = this.#io.clock.now();
    this.#start ??= { ...progress, at: now };
    const { at, done, events } = this.#start;
    const seconds = (now - at) / 1_000;
    if (seconds < 1) return [];
    const rate = `${Math.round((progress.events - events) / seconds).toLocaleString('en')}/s`;
    if (progress.done <= done) return [rate];
    const left = ((progress.total - progress.done) / (progress.done - done)) * seconds;
    return [rate, `${showDuration(left * 1_000)} left`];
  }
}

function rowOf(job: StoredJob) {
  const { id, kind, source = null, destination = null } = job;
  const { done = 0, total = 0, events = 0, stuck = null } = progressOf(job) ?? {};
  const outcome = outcomeOf(job);
  const running = job.progress === undefined ? 'waiting' : 'running';
  return {
    request: id,
    kind,
    source,
    destination,
    state: outcome === undefined ? running : 'finished',
    done,
    total,
    events,
    stuck,
    ...(outcome !== undefined && { code: outcome.code, message: outcome.message }),
  };
}
