import type { App } from '../app.ts';
import { resourceAttributes } from '../config/otel-environment.ts';
import { AdminServer } from '../telemetry/admin.ts';
import { adminRoutes } from '../telemetry/admin-routes.ts';
import { Live } from '../telemetry/live.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { pushMetrics } from '../telemetry/metrics-push.ts';
import { takeSnapshot } from '../telemetry/snapshot.ts';
import type { Io } from './io.ts';
import type { Plan } from './set-up.ts';

/** What of a daemon outlives a reload: its memory, its metrics, and the admin endpoint. */
export class Operations implements AsyncDisposable {
  readonly live: Live;
  readonly #io: Io;
  readonly #metrics: Metrics;
  #admin: { readonly listen: string; readonly server: AdminServer } | undefined;
  /** The app that runs; between two, the next one. */
  #app = Promise.withResolvers<App>();

  constructor(io: Io) {
    this.#io = io;
    this.live = new Live(io.clock);
    this.#metrics = new Metrics({ resource: resourceAttributes(io.env), startedAt: io.startedAt });
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
      const routes = adminRoutes({ app: () => this.#app.promise, metrics: this.#metrics });
      const server = await AdminServer.listen({ listen, routes, log });
      this.#admin = { listen, server };
      log.info({ server: { address: listen, port: server.port } }, 'The admin endpoint listens.');
    } else this.#admin = undefined;
    await before?.server[Symbol.asyncDispose]();
  }

  /** Requests are answered of this app from now on. */
  show(app: App): void {
    this.#app.resolve(app);
  }

  /** Requests wait for the next app. */
  hide(): void {
    this.#app = Promise.withResolvers<App>();
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
