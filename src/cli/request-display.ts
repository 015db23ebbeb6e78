import { showDuration } from '../core/text.ts';
import type { HeldRequest } from '../journal/request.ts';
import { outcomeOf, progressOf, type Progress } from '../runtime/wanted.ts';
import { jsonLine, type Io } from './io.ts';
import { TerminalLine } from './terminal-line.ts';

const WIDTH = 24;

/** Shows how far a request has come: a bar on a terminal, else a JSON line for each change. */
export class RequestDisplay {
  readonly #io: Io;
  readonly #json: boolean;
  readonly #line: TerminalLine;
  #shown = '';
  /** What was seen first, from which rate and time left are reckoned. */
  #start: (Progress & { readonly at: number }) | undefined;

  constructor(io: Io, json: boolean) {
    this.#io = io;
    this.#json = json;
    this.#line = new TerminalLine(io.stderr);
  }

  readonly show = (request: HeldRequest): void => {
    const text = this.#json ? JSON.stringify(rowOf(request)) : this.#bar(request);
    if (text === this.#shown) return;
    this.#shown = text;
    if (this.#json) jsonLine(this.#io.stdout, rowOf(request));
    else this.#write(text);
  };

  /** Clears the bar. */
  end(): void {
    if (!this.#json) this.#write('');
  }

  #bar(request: HeldRequest): string {
    const progress = progressOf(request);
    const name = [request.kind, request.source ?? request.destination ?? ''].join(' ').trimEnd();
    if (progress === undefined) return `${name}: waits for its turn`;
    const { done, total, events } = progress;
    const share = total === 0 ? 0 : Math.min(1, done / total);
    const full = Math.round(share * WIDTH);
    const bar = `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${Math.floor(share * 100)}%`;
    return [`${name} ${bar}`, `${events.toLocaleString('en')} events`, ...this.#speed(progress)].join(' · ');
  }

  #speed(progress: Progress): string[] {
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

function rowOf(request: HeldRequest) {
  const { id, kind, source = null, destination = null } = request;
  const { done = 0, total = 0, events = 0, stuck = null } = progressOf(request) ?? {};
  const outcome = outcomeOf(request);
  const running = request.progress === undefined ? 'waiting' : 'running';
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
