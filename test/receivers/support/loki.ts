import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { temporaryDirectory } from '../../support/temporary.ts';
import { freePort, startService } from './service.ts';

/** A single process of Loki on loopback. */
export interface Loki extends AsyncDisposable {
  /** Penstock's `endpoint` is this and `/otlp`. */
  readonly url: string;
  /** What a LogQL query finds in a span of time (epoch ms), oldest first. */
  query(logql: string, span: { readonly from: number; readonly to: number }): Promise<readonly Entry[]>;
}

export interface Entry {
  readonly line: string;
  /** Index labels and structured metadata. */
  readonly labels: Readonly<Record<string, string>>;
}

interface QueryAnswer {
  readonly data: {
    readonly result: readonly {
      readonly stream: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [string, string])[];
    }[];
  };
}

/** A query shows no more than this by default (`max_entries_limit_per_query`). */
const MOST = 5_000;

export async function startLoki(folder: string): Promise<Loki> {
  await using started = new AsyncDisposableStack();
  const data = started.use(await temporaryDirectory());
  const [http, grpc] = [await freePort(), await freePort()];
  const file = `${data.path}/loki.yaml`;
  await writeFile(file, stringify(configuration(data.path, http, grpc)));
  const url = `http://127.0.0.1:${http}`;
  started.use(
    await startService({
      command: `${folder}/loki`,
      args: [`-config.file=${file}`],
      cwd: data.path,
      ready: async () => (await fetch(`${url}/ready`)).ok,
    }),
  );
  const resources = started.move();
  return {
    url,
    query: (logql, span) => query(url, logql, span),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function query(
  url: string,
  logql: string,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly Entry[]> {
  const parameters = new URLSearchParams({
    query: logql,
    start: `${from}000000`,
    end: `${to}000000`,
    limit: String(MOST),
    direction: 'forward',
  });
  const response = await fetch(`${url}/loki/api/v1/query_range?${parameters}`);
  if (!response.ok) throw new Error(`Loki: ${response.status} ${await response.text()}`);
  const { data } = (await response.json()) as QueryAnswer;
  const entries = data.result.flatMap(({ stream, values }) =>
    values.map(([, line]) => ({ line, labels: stream })),
  );
  if (entries.length >= MOST) throw new Error(`Loki holds more entries than the ${MOST} that a query shows`);
  return entries;
}

/** Loki's defaults, as far as they decide what it takes; everything on loopback and in one folder. */
function configuration(folder: string, http: number, grpc: number): object {
  const loopback = '127.0.0.1';
  return {
    auth_enabled: false,
    server: {
      http_listen_address: loopback,
      http_listen_port: http,
      grpc_listen_address: loopback,
      grpc_listen_port: grpc,
      log_level: 'warn',
    },
    common: {
      instance_addr: loopback,
      path_prefix: folder,
      replication_factor: 1,
      ring: { kvstore: { store: 'inmemory' } },
      storage: { filesystem: { chunks_directory: `${folder}/chunks`, rules_directory: `${folder}/rules` } },
    },
    schema_config: {
      configs: [
        {
          from: '2024-01-01',
          store: 'tsdb',
          object_store: 'filesystem',
          schema: 'v13',
          index: { prefix: 'index_', period: '24h' },
        },
      ],
    },
    analytics: { reporting_enabled: false },
  };
}
