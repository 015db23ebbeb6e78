import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { type CollectContext, Mutex } from '../../../src/collect/context.ts';
import { Circuit } from '../../../src/collect/circuit.ts';
import { pollSource } from '../../../src/collect/loop.ts';
import type { SourcePollResult } from '../../../src/core/poll-stats.ts';
import type { EcsEvent, JournaledEvent } from '../../../src/core/event.ts';
import { QuotaSpender } from '../../../src/http/quota.ts';
import { createHttp } from '../../../src/http/client.ts';
import type { GapState, StreamState } from '../../../src/journal/collection.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import type { Source, SourceContext } from '../../../src/core/source.ts';
import type { DrivenClock } from '../../support/driven-clock.ts';

const HOUR = 3_600_000;

/** Thousands of commits are made here, and waiting for a disk is not what is tried: memory, where there is one. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

interface Setup {
  readonly source: Source;
  readonly url: string;
  readonly clock: DrivenClock;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Told of every page that became durable. */
  readonly onCommit?: () => void;
}

interface Turn {
  readonly mode?: SourceContext<never>['mode'];
  /** Milliseconds of driven time, after which the sweep is stopped, as by `once --deadline`. */
  readonly deadline?: number;
  /** So many pages become durable, then the process dies. */
  readonly diesAfter?: number;
}

/** A source in the real pipeline, over a state directory of its own; each sweep is the life of one process. */
export class PetraLab implements AsyncDisposable {
  readonly lines: Record<string, unknown>[] = [];
  readonly #setup: Setup;
  readonly #journal: Journal;
  readonly #path: string;
  readonly #told: JournaledEvent[] = [];
  #position = { sequence: 0, offset: 0 };

  private constructor(setup: Setup, path: string, journal: Journal) {
    this.#setup = setup;
    this.#path = path;
    this.#journal = journal;
  }

  static async open(setup: Setup): Promise<PetraLab> {
    const path = await mkdtemp(join(PLACE, 'petra-'));
    const journal = await openJournal({ path, maxBytes: 2 ** 30, retain: 0, clock: setup.clock });
    await journal.destinations.open(['siem'], setup.clock.now());
    return new PetraLab(setup, path, journal);
  }

  /** A process that sweeps once; time passes whenever it waits. */
  async sweep({ mode = 'run', deadline, diesAfter }: Turn = {}): Promise<SourcePollResult> {
    const stop = new AbortController();
    const { clock } = this.#setup;
    await using opened = new AsyncDisposableStack();
    const context = this.#context({
      mode,
      signal: stop.signal,
      opened,
      journal: this.#mortal(stop, diesAfter),
    });
    const result = await drive(clock, pollSource(context), {
      after: deadline ?? Infinity,
      stop,
    });
    stop.abort();
    await this.#read();
    if (result === undefined) throw new Error('Its circuit is open.');
    return result;
  }

  /** Finished events, in order, gaps among them. */
  get told(): readonly JournaledEvent[] {
    return this.#told;
  }

  /** Those of the source itself. */
  get events(): readonly EcsEvent[] {
    return this.#told.map(({ event }) => event).filter((event) => event['event.dataset'] !== 'penstock.gaps');
  }

  gaps(): Promise<readonly GapState[]> {
    return this.#journal.gaps.of();
  }

  streams(): Promise<readonly StreamState[]> {
    return this.#journal.streams.all();
  }

  async cursor(scope = ''): Promise<Record<string, unknown>> {
    return (await this.streams()).find((stream) => stream.scope === scope)?.cursor as Record<string, unknown>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal[Symbol.asyncDispose]();
    await rm(this.#path, { recursive: true });
  }

  #context(life: {
    readonly mode: SourceContext<never>['mode'];
    readonly signal: AbortSignal;
    readonly opened: AsyncDisposableStack;
    readonly journal: Journal;
  }): CollectContext {
    const { source: definition, url, clock, config } = this.#setup;
    const { mode, signal, opened, journal } = life;
    // Nothing but a budget sleeps for less than an hour, so that driven time never passes while a request is under way.
    const block = {
      type: definition.id,
      base_url: url,
      token: 'the key',
      timeout: '7d',
      retries: 0,
      ...config,
    };
    const options = definition.options.parse(block);
    const log = pino(
      { base: null, level: 'warn' },
      { write: (line) => void this.lines.push(JSON.parse(line)) },
    );
    const http = opened.use(
      createHttp({
        options,
        authorise: () => definition.authorise(options),
        quotas: definition.quotas(options),
        spender: new QuotaSpender({ quotas: journal.quotas, clock }),
        clock,
        random: () => 0.5,
        log,
        signal,
        userAgent: 'penstock/test',
        env: {},
      }),
    );
    const context: SourceContext<typeof options> = {
      options,
      http,
      log,
      now: () => http.vendorNow(),
      signal,
      mode,
      memo: new Map(),
      cursors: async () => new Map((await journal.streams.all()).map(({ scope, cursor }) => [scope, cursor])),
    };
    const source = { name: 'petra', definition, options, namespace: undefined };
    return {
      config: source,
      journal,
      http,
      clock,
      log,
      signal,
      source: context,
      circuit: new Circuit(undefined),
      commits: new Mutex(),
      polls: new Mutex(),
    };
  }

  /** The journal, of which a commit fails, and all after it: the process is dead, and nothing of them is durable. */
  #mortal(stop: AbortController, diesAfter = Infinity): Journal {
    let commits = 0;
    const commit: Journal['commit'] = async (page) => {
      if (commits++ >= diesAfter) stop.abort(new Error('killed'));
      stop.signal.throwIfAborted();
      await this.#journal.commit(page);
      this.#setup.onCommit?.();
    };
    return new Proxy(this.#journal, {
      get: (journal, name) => {
        if (name === 'commit') return commit;
        const value: unknown = Reflect.get(journal, name);
        return typeof value === 'function' ? (value.bind(journal) as unknown) : value;
      },
    });
  }

  async #read(): Promise<void> {
    for (;;) {
      const page = await this.#journal.pages.read(this.#position);
      if (page === undefined) return;
      this.#told.push(...page.events);
      this.#position = { sequence: page.sequence + 1, offset: 0 };
    }
  }
}

interface Deadline {
  /** Milliseconds from now. */
  readonly after: number;
  readonly stop: AbortController;
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
    if (clock.now() >= deadline) stop.abort(new Error('the deadline'));
  }
  return work;
}
