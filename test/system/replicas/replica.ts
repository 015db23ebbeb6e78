import { startCli, type Running } from '../../support/cli.ts';

const PRELOAD = new URL('preload.ts', import.meta.url).href;

export interface ReplicaOptions {
  /** By how much its clock is wrong, in milliseconds. */
  readonly shift?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** A process of the built program that vendors know by its name (`x-replica`). */
export interface Replica extends Running {
  readonly name: string;
}

/** Starts a command as a process of its own; the configuration says `replica: ${HOSTNAME}`. */
export function startAs(
  name: string,
  args: readonly string[],
  { shift = 0, env = {}, ...options }: ReplicaOptions = {},
): Replica {
  const names = { HOSTNAME: name, TEST_REPLICA: name, TEST_CLOCK_SHIFT: String(shift) };
  const own = { ...names, NODE_OPTIONS: `--import ${PRELOAD}`, ...env };
  return { name, ...startCli(args, { env: own, ...options }) };
}

/** Several replicas of one configuration; those that still run at the end of the test are killed. */
export class Replicas implements AsyncDisposable {
  readonly #config: string;
  readonly #prefix: string;
  readonly #running = new Set<Replica>();
  #started = 0;

  constructor(config: string, prefix = 'replica') {
    this.#config = config;
    this.#prefix = prefix;
  }

  get running(): readonly Replica[] {
    return [...this.#running];
  }

  /** Starts one under a name that none had before. */
  start(options?: ReplicaOptions): Replica {
    this.#started += 1;
    const replica = startAs(`${this.#prefix}-${this.#started}`, ['run', '-c', this.#config], options);
    this.#running.add(replica);
    void replica.ended.then(() => this.#running.delete(replica));
    return replica;
  }

  /** SIGKILL: it does nothing more. */
  async kill(replica: Replica): Promise<void> {
    replica.child.kill('SIGKILL');
    await replica.ended;
  }

  /** SIGTERM to all; throws what one wrote that did not end in order. */
  async stop(): Promise<void> {
    const all = this.running;
    // Before that it does not hear a signal.
    for (const replica of all) await Promise.race([replica.said('"Started."'), replica.ended]);
    for (const { child } of all) child.kill('SIGTERM');
    for (const { name, ended } of all) {
      const { code, signal, stderr } = await ended;
      if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}: ${stderr}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of this.running) await this.kill(replica);
  }
}
