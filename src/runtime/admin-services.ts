import type { App } from './app.ts';
import { resourceAttributes } from '../config/otel-environment.ts';
import { adminRoutes, AdminServer, type Unavailable } from '../observe/admin.ts';
import { Live } from '../observe/live.ts';
import { Metrics } from '../observe/metrics.ts';
import { pushMetrics } from '../observe/metrics-push.ts';
import type { Trouble } from '../core/state.ts';
import { takeSnapshot } from '../observe/snapshot.ts';
import type { Io } from '../cli/io.ts';
import type { Plan } from '../cli/set-up.ts';

/** What of a daemon outlives a reload: its memory, its metrics, and the admin endpoint. */
export class Operations implements AsyncDisposable {
  readonly live: Live;
  readonly #io: Io;
  readonly #metrics: Metrics;
  #admin: { readonly listen: string; readonly server: AdminServer } | undefined;
  #announcement: () => void = () => undefined;
  /** The app that runs; between two, the next one; or why there is none. */
  #app = Promise.withResolvers<App | Unavailable>();

  constructor(io: Io) {
    this.#io = io;
    this.live = new Live(io.clock);
    this.#metrics = new Metrics({
      resource: resourceAttributes(io.env),
      startedAt: io.startedAt,
      ...(io.lostLogLines !== undefined && { lostLogLines: io.lostLogLines }),
    });
  }

  /**
   * Listens where the configuration says; a listener that is to stay is kept.
   * @throws ConfigError when that address cannot be listened on; the one before is kept then.
   */
  async listen({ config, log }: Plan): Promise<void> {
    const before = this.#admin;
    const listen = config.admin?.listen;
    if (before?.listen === listen) return;
    if (listen !== undefined) {
      const routes = adminRoutes({ observed: () => this.#app.promise, metrics: this.#metrics });
      const server = await AdminServer.listen({ listen, routes, log });
      this.#admin = { listen, server };
      this.#announcement = () =>
        log.info({ server: { address: listen, port: server.port } }, 'The admin endpoint listens.');
    } else this.#admin = undefined;
    await before?.server[Symbol.asyncDispose]();
  }

  /** Logs that the admin endpoint listens, once: after what is said of the start. */
  announce(): void {
    this.#announcement();
    this.#announcement = () => undefined;
  }

  /** Requests are answered of this app from now on. */
  show(app: App): void {
    this.#settle(app);
  }

  /** Requests are told from now on why there is no app yet. */
  lack(trouble: Trouble): void {
    this.announce();
    this.#settle({ unavailable: trouble, reloadFailed: this.live.reloadFailed });
  }

  /** Requests wait for the next app. */
  hide(): void {
    this.#app = Promise.withResolvers<App | Unavailable>();
  }

  #settle(now: App | Unavailable): void {
    // Those who wait already, and those who come.
    this.#app.resolve(now);
    this.#app = Promise.withResolvers<App | Unavailable>();
    this.#app.resolve(now);
  }

  /** Pushes metrics until the app ends, if that is asked for. */
  async push(app: App): Promise<void> {
    const { clock, env } = this.#io;
    const { log, config } = app;
    if (config.metrics === undefined) return;
    const collect = async () => this.#metrics.collect(await takeSnapshot(app));
    await pushMetrics({ receiver: config.metrics, env, clock, log, collect }, app.delivering);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin?.server[Symbol.asyncDispose]();
    await this.#metrics[Symbol.asyncDispose]();
  }
}
