import { resourceAttributes } from '../config/otel-environment.ts';
import type { Trouble } from '../core/state.ts';
import { adminRoutes, AdminServer, type Unavailable } from '../observe/admin.ts';
import { Live } from '../observe/live.ts';
import { pushMetrics } from '../observe/metrics-push.ts';
import { Metrics } from '../observe/metrics.ts';
import { takeOwnSnapshot } from '../observe/snapshot.ts';
import type { App } from './app.ts';
import type { Host } from './host.ts';
import type { LoadedConfig } from './reload.ts';

/** What a daemon shows of itself. It outlives a reload: its memory, its metrics and the admin endpoint. */
export class AdminServices implements AsyncDisposable {
  readonly live: Live;
  readonly #host: Host;
  readonly #metrics: Metrics;
  #admin: { readonly listen: string; readonly server: AdminServer } | undefined;
  #logListening: () => void = () => undefined;
  /** The app that runs, or why there is none; pending between two apps. */
  #app = Promise.withResolvers<App | Unavailable>();

  constructor(host: Host) {
    this.#host = host;
    this.live = new Live(host.clock);
    this.#metrics = new Metrics({
      resource: resourceAttributes(host.env),
      startedAt: host.startedAt,
      ...(host.lostLogLines !== undefined && { lostLogLines: host.lostLogLines }),
    });
  }

  /**
   * Listens where the configuration says. A listener whose address stays is kept.
   * @throws ConfigError when it cannot listen there; the previous listener is kept then.
   */
  async listen({ config, log }: LoadedConfig): Promise<void> {
    const before = this.#admin;
    const listen = config.admin?.listen;
    if (before?.listen === listen) return;
    if (listen === undefined) {
      this.#admin = undefined;
    } else {
      const routes = adminRoutes({ observed: () => this.#app.promise, metrics: this.#metrics });
      const server = await AdminServer.listen({ listen, routes, log });
      this.#admin = { listen, server };
      this.#logListening = () =>
        log.info({ server: { address: listen, port: server.port } }, 'Admin endpoint listening.');
    }
    await before?.server[Symbol.asyncDispose]();
  }

  /** Logs once that the admin endpoint listens: called after the lines about the start. */
  logListening(): void {
    this.#logListening();
    this.#logListening = () => undefined;
  }

  /** From now on, the admin endpoint answers about this app. */
  showApp(app: App): void {
    this.#show(app);
  }

  /** From now on, the admin endpoint answers why there is no app yet. */
  showTrouble(trouble: Trouble): void {
    this.logListening();
    this.#show({ unavailable: trouble, reloadFailed: this.live.reloadFailed });
  }

  /** From now on, requests to the admin endpoint wait for the next app. */
  hideApp(): void {
    this.#app = Promise.withResolvers<App | Unavailable>();
  }

  #show(now: App | Unavailable): void {
    // For the requests that wait already, and for those that come.
    this.#app.resolve(now);
    this.#app = Promise.withResolvers<App | Unavailable>();
    this.#app.resolve(now);
  }

  /** Pushes metrics until the app ends, if the configuration asks for it. */
  async pushMetrics(app: App): Promise<void> {
    const { clock, env } = this.#host;
    const { log, config } = app;
    if (config.metrics === undefined) return;
    const collect = async () => this.#metrics.collect(await takeOwnSnapshot(app));
    await pushMetrics({ receiver: config.metrics, env, clock, log, collect }, app.delivering);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin?.server[Symbol.asyncDispose]();
    await this.#metrics[Symbol.asyncDispose]();
  }
}
