import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Daemon, type DaemonUsage } from './daemon.ts';

/** Processes of `penstock run` with one configuration: replicas of one state. Ended when it goes out of scope. */
export class Group implements AsyncDisposable {
  /** By the name of the replica. */
  readonly #daemons = new Map<string, Daemon>();

  /** `config` without `replica`, `log` and `admin`. The replicas are called r1, r2 and so on. */
  static async start(config: string, directory: string, count: number): Promise<Group> {
    const group = new Group();
    for (let number = 1; number <= count; number += 1) {
      const name = `r${number}`;
      const own = join(directory, name);
      await mkdir(own, { recursive: true });
      group.#daemons.set(name, await Daemon.start(`${config}replica: ${name}\n`, own));
    }
    return group;
  }

  get size(): number {
    return this.#daemons.size;
  }

  /** Resolves when `met` does with true. @throws when a replica ends before, or after a long time */
  async until(what: string, met: () => Promise<boolean>, every = 100): Promise<void> {
    const [first, ...others] = this.#daemons.values();
    if (first === undefined) throw new Error(`No replica is left for ${what}.`);
    const isMet = () => {
      for (const daemon of others) daemon.requireRunning(what);
      return met();
    };
    await first.until(what, isMet, every);
  }

  /** CPU time of all replicas so far, in seconds. */
  cpuSeconds(): Promise<number> {
    return this.#sum((daemon) => daemon.cpuSeconds());
  }

  /** Kills a replica with SIGKILL. Returns the most memory that it had, MiB. */
  async kill(name: string): Promise<number> {
    const daemon = this.#daemons.get(name);
    if (daemon === undefined) throw new Error(`There is no replica ${name}.`);
    const peak = await daemon.peakMiB();
    this.#daemons.delete(name);
    await daemon[Symbol.asyncDispose]();
    return peak;
  }

  /** Stops all that are left. @throws when one does not end well */
  stop(): Promise<DaemonUsage[]> {
    return Promise.all([...this.#daemons.values()].map((daemon) => daemon.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#daemons.values()].map((daemon) => daemon[Symbol.asyncDispose]()));
  }

  async #sum(figure: (daemon: Daemon) => Promise<number>): Promise<number> {
    const figures = await Promise.all([...this.#daemons.values()].map(figure));
    return figures.reduce((total, one) => total + one, 0);
  }
}
