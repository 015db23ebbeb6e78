import { setImmediate as turn } from 'node:timers/promises';
import type { DrivenClock } from '../../support/driven-clock.ts';
import { type TestPipeline, testPipeline } from '../../support/test-pipeline.ts';
import type { EcsEvent, JournaledEvent } from '../../../src/core/event.ts';
import type { SourcePollResult } from '../../../src/core/observers.ts';
import type { Source, SourceContext } from '../../../src/core/source.ts';
import type { GapState, StreamState } from '../../../src/journal/collection.ts';

const HOUR = 3_600_000;
const WARN = 40;

interface Setup {
  readonly source: Source;
  readonly url: string;
  readonly clock: DrivenClock;
  /** Read anew by each process. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Called for every commit that became durable. */
  readonly onCommit?: () => void;
}

interface Turn {
  readonly mode?: SourceContext<never>['mode'];
  /** Milliseconds of driven time, after which the poll is stopped, as by `once --deadline`. */
  readonly deadline?: number;
  /** So many commits become durable, then the process dies. */
  readonly diesAfter?: number;
}

/** A source of Petra in the real pipeline; each poll is the life of one process, and time passes whenever it waits. */
export class PetraLab {
  readonly #pipeline: TestPipeline;
  readonly #clock: DrivenClock;
  readonly #config: Setup['config'];

  constructor({ source, url, clock, config, onCommit }: Setup) {
    this.#clock = clock;
    this.#config = config;
    this.#pipeline = testPipeline({
      source,
      vendor: { url },
      clock,
      // Nothing but a quota sleeps for less than an hour, so that driven time never passes while a request is under way.
      config: { token: 'the key', timeout: '7d' },
      ...(onCommit && { onCommit }),
    });
  }

  /** A process that polls all streams once. */
  async poll({ mode = 'run', deadline = Infinity, ...death }: Turn = {}): Promise<SourcePollResult> {
    await using process = this.#pipeline.start(this.#config, mode);
    return await drive(this.#clock, process.run(death), {
      after: deadline,
      stop: () => process.abort(new Error('the deadline')),
    });
  }

  /** The events in the journal, in order: first those of the source, then those of gaps. */
  get emitted(): readonly JournaledEvent[] {
    return [...this.#pipeline.events, ...this.#pipeline.gapEvents];
  }

  /** Those of the source. */
  get events(): readonly EcsEvent[] {
    return this.#pipeline.events.map(({ event }) => event);
  }

  /** Warnings and errors in the log, of the source and of the loop. */
  get lines(): Record<string, unknown>[] {
    return this.#pipeline.log.filter(({ level }) => Number(level) >= WARN);
  }

  gaps(): Promise<readonly GapState[]> {
    return this.#pipeline.journal.gaps.of();
  }

  streams(): Promise<readonly StreamState[]> {
    return this.#pipeline.journal.streams.all();
  }

  async cursor(scope = ''): Promise<Record<string, unknown>> {
    return this.#pipeline.cursors.get(scope) as Record<string, unknown>;
  }
}

interface Deadline {
  /** Milliseconds from now. */
  readonly after: number;
  readonly stop: () => void;
}

/** Lets time pass while work waits for it, up to a deadline, and not while it waits for anything else. */
async function drive<T>(clock: DrivenClock, work: Promise<T>, { after, stop }: Deadline): Promise<T> {
  const deadline = clock.now() + after;
  const ended = new AbortController();
  const settle = () => ended.abort();
  work.then(settle, settle);
  while (!ended.signal.aborted) {
    await turn();
    const next = clock.next ?? Infinity;
    if (ended.signal.aborted || next - clock.now() >= HOUR) continue;
    await clock.advance(Math.min(next, deadline) - clock.now());
    if (clock.now() >= deadline) stop();
  }
  return work;
}
