import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';

/** A program that a test runs beside itself; killed when disposed. */
export interface Service extends AsyncDisposable {
  /** What it has printed so far, both streams. */
  readonly output: () => string;
}

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Asked again and again until it is true. A rejection counts as not yet. */
  readonly ready: (output: string) => Promise<boolean>;
}

const PATIENCE = 180_000;
const BETWEEN = 100;

/** Starts a program and waits until it is ready. Throws, with what it printed, when it ends or stays silent instead. */
export async function startService({ command, args, env = {}, cwd, ready }: Program): Promise<Service> {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close');
  const service: Service = {
    output: () => output,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
  try {
    await until(() => {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
      return ready(output).catch(() => false);
    });
    return service;
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw new Error(`${String(error)}; it printed:\n${output}`, { cause: error });
  }
}

/** Asks until the answer is true. */
export async function until(met: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!(await met())) {
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE} ms`);
    await after(BETWEEN);
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether anything at all is answered there. */
export async function answers(url: string): Promise<boolean> {
  await (await fetch(url)).arrayBuffer();
  return true;
}
