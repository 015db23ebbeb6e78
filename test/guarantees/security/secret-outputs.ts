import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync } from 'node:zlib';
import { EXIT } from '../../../src/core/errors.ts';
import { forgetSecrets } from '../../../src/core/secret.ts';
import { unpack } from '../../../src/journal/packing.ts';
import type { SimulatedRequest } from '../../../src/simulators/server.ts';
import type { PostgresServer } from '../../support/postgres.ts';
import { freePort } from '../../receivers/support/service.ts';
import { PLANTED, type SecretWorld } from './secret-world.ts';

/** What a run of the program wrote and sent, by what it is. Each character is a byte. */
export type Outputs = Map<string, string>;

/** Every command that reads or writes something of an operator; `run` is apart. */
const COMMANDS = [
  'check',
  'check --json',
  `preview ${PLANTED} --json`,
  'once --json --deadline 1s',
  'status --json',
  'gaps --json',
  'sources --json',
  'backfill query --from 3h --to 2h --json',
  'replay --destination siem --from 1h --json',
  'dead-letters list --json',
  'dead-letters show 1',
  'dead-letters export --destination siem',
  'dead-letters retry --destination siem --json',
  'state list --json',
  'state show console --json',
  `state show ${PLANTED} --json`,
  'state export',
  'source record login --pages 1 --out recorded',
];

/** Runs every command, and the daemon for a moment; then reads what is left of all of it. */
export async function outputsOf(secretWorld: SecretWorld): Promise<Outputs> {
  const outputs: Outputs = new Map();
  for (const line of COMMANDS) await runCommand(secretWorld, line, outputs);
  // For people, with tables, colours and progress.
  for (const line of ['status', 'gaps', 'check', 'dead-letters list'])
    await runCommand(secretWorld, line, outputs, true);
  await runDaemon(secretWorld, outputs);
  const { world, metrics } = secretWorld;
  outputs.set('the recording', (await filesBelow(join(world.path, 'recorded'))).join('\n'));
  outputs.set('what destinations get', world.receiver.requests.map(wordsOf).join('\n'));
  outputs.set('what the vendors of others get', world.console.requests.map(wordsOf).join('\n'));
  outputs.set('metrics over OTLP', metrics.heard.map(wordsOf).join('\n'));
  return outputs;
}

/** Some commands go on until a receiver is back. Milliseconds. */
const LONGEST = 700;

/** A process knows the secrets of its configuration, and no token that another one fetched. */
async function runCommand({ world, env }: SecretWorld, line: string, outputs: Outputs, tty = false) {
  forgetSecrets();
  const stop = new AbortController();
  const longest = setTimeout(() => stop.abort(), LONGEST);
  const { code, stdout, stderr } = await world.run(line, { env, tty, stop: stop.signal });
  clearTimeout(longest);
  // A usage that is wrong would show nothing; without dead letters there is none to show.
  if (code === EXIT.bug || (code === EXIT.usage && !line.startsWith('dead-letters show')))
    throw new Error(`${line} ended with ${code}: ${stderr}`);
  const name = tty ? `${line} on a terminal` : line;
  outputs.set(`${name}, stdout`, bytesOf(stdout));
  outputs.set(`${name}, stderr`, bytesOf(stderr));
}

/** Runs the daemon until it has pushed metrics that were made after its first polls, and reads its endpoint. */
async function runDaemon({ world, env, metrics }: SecretWorld, outputs: Outputs): Promise<void> {
  forgetSecrets();
  const port = await freePort();
  const stop = new AbortController();
  const text = await readFile(world.config, 'utf8');
  const config = join(world.path, 'daemon.yaml');
  await writeFile(config, `${text}admin: { listen: "127.0.0.1:${port}" }\nheartbeat: 1s\n`);
  const started = Promise.withResolvers<void>();
  const onError = (line: string) => line.includes('"Started."') && started.resolve();
  const daemon = world.run(`run -c ${config}`, {
    env,
    stop: stop.signal,
    onError: (line) => void onError(line),
  });
  const begun = await Promise.race([started.promise, daemon]);
  if (begun !== undefined) throw new Error(`The daemon ended with ${begun.code}: ${begun.stderr}`);
  const pushed = metrics.heard.length;
  while (metrics.heard.length < pushed + 5) await new Promise((resolve) => setTimeout(resolve, 20));
  for (const path of ['/', `/?source=${PLANTED}`, '/readyz', '/livez', '/metrics', '/elsewhere'])
    outputs.set(path, bytesOf(await (await fetch(`http://127.0.0.1:${port}${path}`)).text()));
  stop.abort();
  const { stdout, stderr } = await daemon;
  outputs.set('run, stdout', bytesOf(stdout));
  outputs.set('run, stderr', bytesOf(stderr));
}

/** A request as it is sent: its headers without those that the configuration says, and its decoded body. */
function wordsOf({ path, headers, body }: Pick<SimulatedRequest, 'path' | 'headers' | 'body'>): string {
  const { authorization: _, sec: __, ...others } = headers;
  const decoded = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  return `${path} ${JSON.stringify(others)} ${decoded.toString('latin1')}`;
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  return Promise.all(names.map((name) => readFile(join(directory, name), 'latin1')));
}

/** The files of a state directory, and every value of every table in them, unpacked. */
export async function storedInDirectory(directory: string): Promise<Outputs> {
  const files = await Promise.all(
    (await readdir(directory)).map(
      async (name) => [name, await readFile(join(directory, name), 'latin1')] as const,
    ),
  );
  using database = new DatabaseSync(join(directory, 'penstock.db'), { readOnly: true });
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const rows = tables.map(({ name }) => {
    const statement = database.prepare(`SELECT * FROM "${String(name)}"`);
    statement.setReadBigInts(true);
    return [`table ${String(name)}`, textOf(statement.all())] as const;
  });
  return new Map([...files, ...rows]);
}

/** Every value of every table of a schema, unpacked. */
export async function storedInPostgres(server: PostgresServer, schema: string): Promise<Outputs> {
  const names = await server.query<{ name: string }>(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = $1',
    [schema],
  );
  const rows = names.map(
    async ({ name }) =>
      [`table ${name}`, textOf(await server.query(`SELECT * FROM ${schema}.${name}`))] as const,
  );
  return new Map(await Promise.all(rows));
}

/** Rows as text, packed pages unpacked. */
function textOf(rows: readonly object[]): string {
  return rows
    .flatMap((row) => Object.values(row) as unknown[])
    .map((value) =>
      value instanceof Uint8Array
        ? Buffer.concat([value, unpack(value)]).toString('latin1')
        : bytesOf(typeof value === 'object' ? JSON.stringify(value) : String(value)),
    )
    .join('\n');
}
