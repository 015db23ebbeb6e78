import type { Config } from '../config/types.ts';
import { ConfigError, explain } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { placeInWords, settingOf } from '../journal/open.ts';
import type { Live } from '../observe/live.ts';
import type { Host } from './host.ts';

/** A configuration that was read and is valid, and the log that it asks for. */
export interface LoadedConfig {
  readonly config: Config;
  readonly log: Logger;
}

/** SIGHUPs, one at a time: several that come while a reload is under way count as one. */
export class ReloadSignals implements Disposable {
  readonly #subscription: Disposable | undefined;
  #isPending = false;
  #wake: () => void = () => undefined;

  constructor({ onReload }: Pick<Host, 'onReload'>) {
    this.#subscription = onReload?.(() => {
      this.#isPending = true;
      this.#wake();
    });
  }

  /** Resolves with true at a SIGHUP, also one since the last call; with false when the signal aborts. */
  async next(signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (!this.#isPending && !signal.aborted) await promise;
    const reloads = this.#isPending && !signal.aborted;
    this.#isPending = false;
    return reloads;
  }

  [Symbol.dispose](): void {
    this.#subscription?.[Symbol.dispose]();
  }
}

interface ReloadParts {
  readonly signals: ReloadSignals;
  readonly live: Live;
  readonly load: () => Promise<LoadedConfig>;
}

/** Resolves when a SIGHUP finds a valid configuration; with undefined when the signal aborts. */
export async function nextConfig(
  { signals, live, load }: ReloadParts,
  current: LoadedConfig,
  signal: AbortSignal,
): Promise<LoadedConfig | undefined> {
  while (await signals.next(signal)) {
    try {
      const loaded = await load();
      requireSameState(current, loaded);
      if (signal.aborted) return undefined;
      live.reloaded(undefined);
      return loaded;
    } catch (error) {
      reportRejected({ log: current.log, live }, error);
    }
  }
  return undefined;
}

/** Notes and logs why a new configuration is rejected, a line for each problem. */
export function reportRejected(
  { log, live }: { readonly log: Logger; readonly live: Live },
  error: unknown,
): void {
  const problems = error instanceof ConfigError ? error.problems : [explain(error)];
  live.reloaded(problems.join(' '));
  for (const problem of problems) {
    log.error({ error: { message: problem } }, 'Reload rejected; keeping the previous configuration.');
  }
}

function requireSameState(current: LoadedConfig, { config: { file, state } }: LoadedConfig): void {
  const [before, now] = [placeInWords(current.config.state.place), placeInWords(state.place)];
  if (now === before) return;
  throw new ConfigError([
    `${file} ${settingOf(state.place)}: must stay ${before} (got ${now}), since a reload cannot change it. Restart Penstock to change it.`,
  ]);
}
