import { showDuration } from '../core/text.ts';
import type { HeldRequest } from '../journal/request.ts';
import { outcomeOf, progressOf, type JobProgress } from '../runtime/jobs.ts';
import type { Io } from './io.ts';
import { jsonLine, TerminalLine } from './output.ts';

const WIDTH = 24;

/** Shows how far a job has come: a bar on a terminal, else a JSON line for each change. */
export class JobDisplay {
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

  readonly show = (job: HeldRequest): void => {
    const text = this.#json ? JSON.stringify(rowOf(job)) : this.#bar(job);
    if (text === this.#shown) return;
    this.#shown = text;
    if (this.#json) jsonLine(this.#io.stdout, rowOf(job));
    else this.#write(text);
  };

  /** Clears the bar. */
  end(): void {
    if (!this.#json) this.#write('');
  }

  #bar(job: HeldRequest): string {
    const progress = progressOf(job);
    const name = [job.kind, job.source ?? job.destination ?? ''].join(' ').trimEnd();
    if (progress === undefined) return `${name}: waiting to start`;
    const { done, total, events } = progress;
    const share = total === 0 ? 0 : Math.min(1, done / total);
    const full = Math.round(share * WIDTH);
    const bar = `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${Math.floor(share * 100)}%`;
    return [`${name} ${bar}`, `${events.toLocaleString('en')} events`, ...this.#speed(progress)].join(' · ');
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

  #write(line: string): void {
    this.#line.show(line);
  }
}

function rowOf(job: HeldRequest) {
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
