import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { answers, freePort, type Service, startService } from './service.ts';

/** Configurations of `deploy/collector` whose components the recipe builds in. */
export const CONFIGURATIONS = ['elastic-ecs', 'elastic-bodymap', 'victorialogs', 'file'] as const;

type Configuration = (typeof CONFIGURATIONS)[number];

export interface Collector extends Service {
  /** Penstock's `endpoint`. */
  readonly url: string;
}

/** Its own metrics would take a fixed port. */
const OVERLAY = 'yaml:service::telemetry::metrics::level: none';

interface Options {
  readonly env: Readonly<Record<string, string>>;
  /** One that nobody listens on, when not given. */
  readonly port?: number;
}

/** Starts a Collector with a file of `deploy/collector`, as an operator would, its variables set. */
export async function startCollector(
  folder: string,
  configuration: Configuration,
  { env, port }: Options,
): Promise<Collector> {
  const listen = `127.0.0.1:${port ?? (await freePort())}`;
  const service = await startService({
    command: `${folder}/otelcol`,
    args: ['--config', fileOf(configuration), '--config', OVERLAY],
    env: { ...env, OTLP_LISTEN: listen },
    ready: () => answers(`http://${listen}/`),
  });
  return { ...service, url: `http://${listen}` };
}

/** What `otelcol validate` finds wrong; '' when nothing. */
export async function validate(folder: string, configuration: Configuration): Promise<string> {
  const child = spawn(`${folder}/otelcol`, ['validate', '--config', fileOf(configuration)]);
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  return code === 0 ? '' : said;
}

function fileOf(configuration: Configuration): string {
  return new URL(`../../../deploy/collector/${configuration}.yaml`, import.meta.url).pathname;
}
