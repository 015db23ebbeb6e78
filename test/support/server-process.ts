import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { chown, mkdir, mkdtemp } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Waiters } from '../../src/simulators/server.ts';

/** The user that servers run as: PostgreSQL and PgBouncer refuse root. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL's own user or `nobody`, where this process is root; otherwise the user of this process. */
const account: Account | undefined = process.getuid?.() === 0 ? accountOf('postgres', 'nobody') : undefined;

function accountOf(...names: readonly string[]): Account {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const fields = names.map((name) => lines.find((line) => line.startsWith(`${name}:`))?.split(':'));
  const [, , uid, gid] = fields.find((found) => found !== undefined) ?? [];
  if (uid === undefined || gid === undefined)
    throw new Error(`no user of this machine is ${names.join(' or ')}`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** Where a program is: in PATH, or where Debian keeps the programs of PostgreSQL. Undefined when it is nowhere. */
export function programPath(name: string): string | undefined {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...globSync('/usr/lib/postgresql/*/bin'),
    '/usr/sbin',
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * Ends the servers and removes the directory when its input is closed: also after this process was killed.
 * Servers that run have a file with their process id there.
 */
const WATCHER = `
cat >/dev/null
for file in "$1"/*/*.pid "$1"/*/*/*.pid; do
  read -r pid <"$file" && kill -CONT "$pid" && kill -QUIT "$pid"
done 2>/dev/null
until rm -rf "$1" 2>/dev/null; do sleep 0.1; done
`;

let base: Promise<string> | undefined;
let directories = 0;

/** The directory of all servers that this process starts. */
async function baseDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'penstock-servers-'));
  if (account !== undefined) await chown(path, account.uid, account.gid);
  const watcher = spawn('sh', ['-c', WATCHER, 'sh', path], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.unref();
  return path;
}

/** A directory that belongs to the servers' user; it is removed when this process ends. */
export async function serverDirectory(): Promise<string> {
  base ??= baseDirectory();
  const name = String((directories += 1));
  const path = join(await base, name);
  await mkdir(path, { mode: 0o700 });
  if (account !== undefined) await chown(path, account.uid, account.gid);
  return path;
}

/** Runs a program to its end as the servers' user; throws what it wrote when it fails. */
export async function runAsServer(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { ...account, stdio: ['ignore', 'ignore', 'pipe'] });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`${program} failed: ${stderr}`);
}

/** A server that runs as a process of its own. */
export class ServerProcess {
  readonly ended: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #waiters = new Waiters();
  #log = '';
  #hasEnded = false;

  constructor(program: string, args: readonly string[]) {
    const child = spawn(program, args, { ...account, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#log += chunk;
      this.#waiters.check();
    });
    this.ended = once(child, 'close');
    child.on('close', () => {
      this.#hasEnded = true;
      this.#waiters.check();
    });
    this.#child = child;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the server was never started');
    return this.#child.pid;
  }

  /** What it wrote so far. */
  get log(): string {
    return this.#log;
  }

  /** Resolves when it has written this; throws when it ended instead. */
  async said(words: string): Promise<void> {
    await this.#waiters.until(() => this.#log.includes(words) || this.#hasEnded);
    if (!this.#log.includes(words)) throw new Error(`the server ended: ${this.#log}`);
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.ended;
  }
}

/** Starts a server on a free port of 127.0.0.1: on another one when somebody else took it meanwhile. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 5 || !/address already in use/i.test(String(error))) throw error;
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
