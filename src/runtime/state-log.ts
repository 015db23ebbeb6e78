import type { App } from './app.ts';
import { isoTime } from '../ecs/time.ts';
import type { State } from '../core/state.ts';
import { takeSnapshot } from '../observe/snapshot.ts';

/** Changes that follow each other faster are one. Milliseconds. */
const SETTLE = 10_000;

/** States that are no news: what leads to them, or away from them, is logged where it happens. */
const QUIET = ['healthy', 'starting', 'throttled'];

/** Says in the log when a source or a destination is in another state than it was: in the words that `status` shows. */
export class StateLog {
  readonly #app: App;
  readonly #told = new Map<string, string>();
  #changed = false;
  #looked = -Infinity;

  constructor(app: App) {
    this.#app = app;
  }

  /** Something changed that states depend on. */
  change(): void {
    this.#changed = true;
  }

  /** Logs what is different from the last time, unless that was just now. */
  async look(): Promise<void> {
    const now = this.#app.clock.now();
    if (!this.#changed || Math.abs(now - this.#looked) < SETTLE) return;
    this.#changed = false;
    this.#looked = now;
    const { sources, destinations } = await takeSnapshot(this.#app);
    for (const { config, state } of sources) this.#tell('source', config.name, state);
    for (const { name, state } of destinations) this.#tell('destination', name, state);
  }

  #tell(what: 'source' | 'destination', name: string, { name: state, since, reason, until }: State<string>) {
    const subject = `${what} ${name}`;
    if (state === (this.#told.get(subject) ?? 'healthy')) return;
    this.#told.set(subject, state);
    const fields = {
      penstock: {
        [what]: name,
        state,
        ...(since !== undefined && { since: isoTime(since) }),
        ...(until !== undefined && { next_try_at: isoTime(until) }),
      },
      ...(reason !== undefined && { error: { message: reason } }),
    };
    const level = QUIET.includes(state) ? 'debug' : 'info';
    this.#app.log[level](fields, `The state of a ${what} changed.`);
  }
}
