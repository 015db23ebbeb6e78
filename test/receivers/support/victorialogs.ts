import { temporaryDirectory } from '../../support/temporary.ts';
import { answers, freePort, startService } from './service.ts';

/** A single node of VictoriaLogs on loopback. */
export interface VictoriaLogs extends AsyncDisposable {
  /** Penstock's `endpoint` is this and `/insert/opentelemetry`. */
  readonly url: string;
  /** Everything that a LogsQL query finds, a record each, its fields by name. */
  query(logsql: string): Promise<readonly Readonly<Record<string, string>>[]>;
}

export async function startVictoriaLogs(folder: string): Promise<VictoriaLogs> {
  await using started = new AsyncDisposableStack();
  const data = started.use(await temporaryDirectory());
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  started.use(
    await startService({
      command: `${folder}/victoria-logs`,
      args: [`-storageDataPath=${data.path}`, `-httpListenAddr=127.0.0.1:${port}`, '-retentionPeriod=30d'],
      ready: () => answers(`${url}/health`),
    }),
  );
  const resources = started.move();
  return {
    url,
    query: (logsql) => query(url, logsql),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function query(url: string, logsql: string): Promise<readonly Readonly<Record<string, string>>[]> {
  // What was taken a moment ago is searched only after a flush.
  await ask(`${url}/internal/force_flush`);
  const text = await ask(`${url}/select/logsql/query?${new URLSearchParams({ query: logsql })}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, string>);
}

async function ask(url: string): Promise<string> {
  const response = await fetch(url);
  const text = await response.text();
  if (!response.ok) throw new Error(`VictoriaLogs: ${response.status} ${text}`);
  return text;
}
