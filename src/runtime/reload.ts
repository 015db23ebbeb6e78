import { ConfigError, explain } from '../core/errors.ts';
import type { Live } from '../observe/live.ts';
import type { Logger } from '../core/log.ts';
import type { Io } from '../cli/io.ts';
import type { Plan } from '../cli/set-up.ts';

/** SIGHUPs, one at a time: several that come while one is dealt with are one. */
export class Reloads implements Disposable {
  readonly #subscription: Disposable | undefined;
  #asked = false;
  #wake: () => void = () => undefined;

  constructor({ onReload }: Pick<Io, 'onReload'>) {
    this.#subscription = onReload?.(() => {
      this.#asked = true;
      this.#wake();
    });
  }

  /** Resolves with true at a SIGHUP, also one since the last call; with false when the signal aborts. */
  async next(signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (!this.#asked && !signal.aborted) await promise;
    const asked = this.#asked && !signal.aborted;
    this.#asked = false;
    return asked;
  }

  [Symbol.dispose](): void {
    this.#subscription?.[Symbol.dispose]();
  }
}

interface Reloading {
  readonly reloads: Reloads;
  readonly operations: { readonly live: Live };
  readonly load: () => Promise<Plan>;
}

/** Resolves when a SIGHUP finds a configuration that is right; with undefined when the signal aborts. */
export async function nextPlan(
  { reloads, load, operations: { live } }: Reloading,
  current: Plan,
  signal: AbortSignal,
): Promise<Plan | undefined> {
  while (await reloads.next(signal)) {
    try {
      const plan = await load();
      requireSameState(current, plan);
      if (signal.aborted) return undefined;
      current.log.info('Configuration reloaded.');
      live.reloaded(undefined);
      return plan;
    } catch (error) {
      tellRefused({ log: current.log, live }, error);
    }
  }
  return undefined;
}

function requireSameState(current: Plan, { config: { file, state } }: Plan): void {
  if (state.path === current.config.state.path) return;
  throw new ConfigError([
    `${file} state.path: expected ${current.config.state.path}, since a reload cannot change it. Stop Penstock and start it again.`,
  ]);
}

interface Told {
  readonly log: Logger;
  readonly live: Live;
}

/** Why a new configuration is not used, a line for each thing that is wrong with it. */
export function tellRefused({ log, live }: Told, error: unknown): void {
  const problems = error instanceof ConfigError ? error.problems : [explain(error)];
  live.reloaded(problems.join(' '));
  for (const problem of problems) {
    log.error({ error: { message: problem } }, 'Reload rejected; keeping the previous configuration.');
  }
}
