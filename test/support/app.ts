import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { openApp, type App } from '../../src/runtime/app.ts';
import type { AppParts } from '../../src/runtime/host.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { runLoops } from '../../src/runtime/loops.ts';
import { once, type OnceSummary } from '../../src/runtime/once.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { createLogger } from '../../src/observe/log.ts';
import { workspace } from './cli.ts';
import type { DrivenClock } from './driven-clock.ts';
import { atRest, passTime, working } from './network.ts';

/**
 * A method of the journal (`commit`) or of one of its stores (`destinations.skip`), before it is called (and what it is
 * called with) and after it is done.
 */
export type Step = (name: string, phase: 'before' | 'after', args: readonly unknown[]) => void;

interface LabOptions {
  readonly clock: DrivenClock;
  /** The configuration without `state`, as YAML would say it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly mode?: AppParts['mode'];
  readonly state?: Readonly<Record<string, unknown>>;
  /** Watches the journal; a `lab.kill()` in it kills at exactly that step. */
  readonly onStep?: Step;
  readonly seed?: number;
  /** How often it is looked what commands have left: seldom, so that simulated weeks stay short. Milliseconds. */
  readonly lookEvery?: number;
}

/** The real app, on a driven clock, that can be killed at an exact step and started again on the same state. */
export interface Lab extends AsyncDisposable {
  readonly directory: string;
  /** The app of the current life. */
  readonly app: App;
  /** Lines of the log, all lives together. */
  readonly log: readonly string[];
  /** Begins a life: opens the state. The one before must have ended. */
  open(): Promise<App>;
  /** Runs the daemon of this life in the background. */
  start(): void;
  /** One pass, with the clock driven until it ends. */
  once(): Promise<OnceSummary>;
  /** Lets time pass, whenever everything waits for it. */
  advance(ms: number): Promise<void>;
  /** Ends this life in order. */
  stop(): Promise<void>;
  /** Ends this life at once: no line of it runs on, nothing more is written or sent. */
  kill(): void;
  readonly killed: boolean;
}

/** Makes a lab with a state directory of its own, removed when it is disposed. */
export async function openLab(options: LabOptions): Promise<Lab> {
  const space = await workspace();
  await writeFile(
    space.config,
    stringify({ ...options.config, state: { path: `${space.path}/state`, ...options.state } }),
  );
  return new TestLab(options, space);
}

/** Methods of the journal that wait for something to happen. */
const WAITS: ReadonlySet<string> = new Set(['pages.changed']);

class TestLab implements Lab {
  readonly directory: string;
  readonly log: string[] = [];
  readonly #options: LabOptions;
  readonly #space: Awaited<ReturnType<typeof workspace>>;
  #app: App | undefined;
  #store: Journal | undefined;
  #running: Promise<void> | undefined;
  #killed = false;

  constructor(options: LabOptions, space: Awaited<ReturnType<typeof workspace>>) {
    this.#options = options;
    this.#space = space;
    this.directory = space.path;
  }

  get app(): App {
    if (this.#app === undefined) throw new Error('open() the lab first');
    return this.#app;
  }

  get killed(): boolean {
    return this.#killed;
  }

  async open(): Promise<App> {
    const { clock, mode = 'run', seed = 1 } = this.#options;
    const config = await loadConfig({
      file: this.#space.config,
      env: {},
      types: await loadSources(),
      cwd: this.directory,
    });
    const stream = { write: (line: string) => this.log.push(line) };
    this.#killed = false;
    this.#app = await openApp({
      config,
      env: {},
      clock,
      random: seeded(seed),
      log: await createLogger({ level: 'info', format: 'json', stream }),
      mode,
      collecting: new AbortController().signal,
      delivering: new AbortController().signal,
      instrument: { journal: (journal) => this.#watch(journal) },
    });
    return this.#app;
  }

  start(): void {
    this.#running = runLoops(this.app, { lookEvery: this.#options.lookEvery ?? 60_000 });
    // A life that is killed rejects nowhere; one that fails by itself is seen when it is stopped.
    this.#running.catch(() => undefined);
  }

  async once(): Promise<OnceSummary> {
    return passTime(this.#options.clock, once(this.app));
  }

  advance(ms: number): Promise<void> {
    return this.#options.clock.advance(ms, atRest);
  }

  async stop(): Promise<void> {
    this.#app?.abort();
    await this.#running;
    await this.#app?.[Symbol.asyncDispose]();
    this.#app = undefined;
    this.#running = undefined;
  }

  kill(): void {
    this.#killed = true;
    this.#app?.abort();
    void this.#store?.[Symbol.asyncDispose]();
    this.#app = undefined;
    this.#running = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#killed) await this.stop();
    await this.#space[Symbol.asyncDispose]();
  }

  /** After a kill a method never settles, so that its caller stands still as a dead process does. */
  #watch(journal: Journal): Journal {
    this.#store = journal;
    const life = { killed: () => this.#store !== journal || this.#killed };
    const never = new Promise<never>(() => {});
    const call = async (name: string, method: () => Promise<unknown>, args: readonly unknown[]) => {
      if (life.killed()) return never;
      this.#options.onStep?.(name, 'before', args);
      if (life.killed()) return never;
      const result = await (WAITS.has(name) ? method() : working(method));
      if (!life.killed()) this.#options.onStep?.(name, 'after', args);
      return life.killed() ? never : result;
    };
    const watched = <T extends object>(object: T, path = ''): T =>
      new Proxy(object, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name, target);
          if (typeof name === 'symbol') return member;
          if (typeof member === 'object' && member !== null) return watched(member, `${name}.`);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]) =>
            call(`${path}${name}`, () => Reflect.apply(member, target, args) as Promise<unknown>, args);
        },
      });
    return watched(journal);
  }
}
