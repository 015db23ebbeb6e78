import { untilAborted } from '../core/clock.ts';
import { ConfigError, StateError } from '../core/errors.ts';
import { VERSION } from '../core/version.ts';
import { placeInWords } from '../journal/open.ts';
import { AdminServices } from './admin-services.ts';
import { openApp, type App } from './app.ts';
import type { Host } from './host.ts';
import { runLoops } from './loops.ts';
import { nextConfig, ReloadSignals, reportRejected, type LoadedConfig } from './reload.ts';
import { runAll } from './run-all.ts';
import { openWhenAvailable } from './wait-for-state.ts';

/** After a stop, delivery may take this long; what is not delivered by then waits for the next start. Milliseconds. */
const LONGEST_DRAIN = 5_000;

/** What outlives a reload. */
interface DaemonParts {
  readonly host: Host;
  readonly services: AdminServices;
  readonly signals: ReloadSignals;
  /** Reads the configuration. Throws ConfigError. */
  readonly load: () => Promise<LoadedConfig>;
}

/**
 * Runs the daemon until it is stopped, and reloads the configuration at each SIGHUP.
 * @throws ConfigError when the configuration is invalid or the admin endpoint cannot listen; StateError when the state
 * cannot be used.
 */
export async function runDaemon(host: Host, load: () => Promise<LoadedConfig>): Promise<void> {
  using signals = new ReloadSignals(host);
  await using services = new AdminServices(host);
  const parts = { host, services, signals, load };
  let loaded = await load();
  // A disk that is full at the start needs an operator; a database that is away comes back by itself.
  const waitsForDisk = loaded.config.state.place.kind === 'postgres';
  let instance = await DaemonInstance.open(parts, loaded, { waitsForDisk });
  while (instance !== undefined) {
    const next = await instance.run();
    instance = next && (await reopen(parts, next, loaded));
    loaded = instance?.loaded ?? loaded;
  }
  loaded.log.info('Stopped.');
}

/**
 * Opens the new configuration. Some problems show only when it is opened (an address in use, a state made for another
 * source): then the previous one stays in force.
 */
async function reopen(
  parts: DaemonParts,
  next: LoadedConfig,
  previous: LoadedConfig,
): Promise<DaemonInstance | undefined> {
  try {
    const instance = await DaemonInstance.open(parts, next, { waitsForDisk: true });
    if (instance !== undefined) next.log.info('Configuration reloaded.');
    return instance;
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StateError)) throw error;
    reportRejected({ log: previous.log, live: parts.services.live }, error);
    return DaemonInstance.open(parts, previous, { waitsForDisk: true });
  }
}

/** The daemon from one reload to the next: the app of one configuration. */
class DaemonInstance {
  readonly loaded: LoadedConfig;
  readonly #parts: DaemonParts;
  readonly #app: App;
  /** Ends delivering. */
  readonly #delivering: AbortController;

  private constructor(parts: DaemonParts, loaded: LoadedConfig, app: App, delivering: AbortController) {
    this.loaded = loaded;
    this.#parts = parts;
    this.#app = app;
    this.#delivering = delivering;
  }

  /** Opens the app, and waits while a command holds the state. Undefined: a stop came meanwhile. */
  static async open(
    parts: DaemonParts,
    loaded: LoadedConfig,
    { waitsForDisk }: { readonly waitsForDisk: boolean },
  ): Promise<DaemonInstance | undefined> {
    const { host, services } = parts;
    const { config, log } = loaded;
    await services.listen(loaded);
    const delivering = new AbortController();
    const app = await openWhenAvailable({
      host,
      loaded,
      waitsForDisk,
      open: () =>
        openApp({
          ...host,
          config,
          log,
          mode: 'run',
          collecting: host.stop,
          delivering: delivering.signal,
          live: services.live,
        }),
      onWait: (trouble) => services.showTrouble(trouble),
    });
    if (app === undefined) return undefined;
    services.showApp(app);
    logStarted(app);
    services.logListening();
    return new DaemonInstance(parts, loaded, app, delivering);
  }

  /** Polls and delivers, then closes the app. Resolves with the next configuration at a reload, undefined at a stop. */
  async run(): Promise<LoadedConfig | undefined> {
    const { host, services, signals, load } = this.#parts;
    await using app = this.#app;
    const ended = new AbortController();
    const until = AbortSignal.any([host.stop, ended.signal]);
    const next = nextConfig({ signals, load, live: services.live }, this.loaded, until).then((loaded) => {
      if (loaded !== undefined) app.abort();
      return loaded;
    });
    try {
      await runAll(app, [runLoops(app), services.pushMetrics(app), this.#drain()]);
    } finally {
      ended.abort();
      services.hideApp();
    }
    return next;
  }

  /**
   * At a stop, polling ends at once; delivery ends when everything is delivered, or after a limit. Other replicas deliver
   * the rest, if there are any.
   */
  async #drain(): Promise<void> {
    const { host } = this.#parts;
    const app = this.#app;
    await untilAborted(AbortSignal.any([host.stop, app.delivering]));
    if (app.delivering.aborted) return;
    if ((app.holds.replica?.others ?? 0) > 0) {
      app.log.info('Stopping: other replicas go on.');
      return this.#delivering.abort();
    }
    app.log.info('Stopping: polling has ended; delivering the backlog for at most 5 s.');
    const idle = Promise.all(app.units.deliveries.map((delivery) => delivery.idle()));
    await Promise.race([idle, host.clock.sleep(LONGEST_DRAIN)]);
    this.#delivering.abort();
  }
}

function logStarted({ config, log }: App): void {
  const fields = {
    version: VERSION,
    ...(config.file !== undefined && { configuration: config.file }),
    state: placeInWords(config.state.place),
    sources: config.sources.map(({ name }) => name),
    destinations: config.destinations.map(({ name }) => name),
  };
  log.info({ penstock: fields }, 'Started.');
}
