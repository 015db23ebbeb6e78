import { readFile } from 'node:fs/promises';
import { type Ended, type Running, startProgram } from '../../support/cli.ts';
import { until } from '../../receivers/support/service.ts';
import type { Image } from './image.ts';

const ENTER = new URL('../enter.sh', import.meta.url).pathname;

interface ContainerOptions {
  /** What follows the entry point instead of the image's CMD. */
  readonly args?: readonly string[];
  /** Instead of the image's entry point. */
  readonly entrypoint?: readonly string[];
  /** A host directory for each path of the image's volumes and of more, `host:path` or `host:path:ro`. */
  readonly mounts?: readonly string[];
  /** Variables beside the image's, `NAME=value`. */
  readonly env?: readonly string[];
  /** Whether it shares the host's network, or has none but its own loopback. */
  readonly network?: 'host' | 'none';
}

/** A process that runs as PID 1 in an image's read-only root, as its user. */
export interface Container {
  readonly ended: Promise<Ended>;
  /** What it wrote on stderr so far. */
  readonly stderr: () => string;
  /** Sends PID 1 a signal, as a runtime that stops a container does. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Runs another command in it, as `docker exec` and health checks do. */
  exec(command: readonly string[]): Promise<Ended>;
}

export function startContainer({ root, config }: Image, options: ContainerOptions = {}): Container {
  const {
    args = config.Cmd,
    entrypoint = config.Entrypoint,
    mounts = [],
    env = [],
    network = 'none',
  } = options;
  const unshared = ['--mount', '--pid', '--ipc', '--fork', ...(network === 'none' ? ['--net'] : [])];
  const settings = [root, config.User, config.WorkingDir, ...config.Env, ...env, '--', ...mounts, '--'];
  const running = startProgram(['unshare', ...unshared, 'bash', ENTER, ...settings, ...entrypoint, ...args]);
  return {
    ended: running.ended,
    stderr: () => running.stderr(),
    async kill(signal) {
      process.kill(await firstProcess(running), signal);
    },
    async exec(command) {
      const [uid = '', gid = ''] = config.User.split(':');
      const inside = ['--mount', '--pid', '--net', '--root', `--wdns=${config.WorkingDir}`];
      const as = [`--setuid=${uid}`, `--setgid=${gid}`];
      const target = `--target=${await firstProcess(running)}`;
      const variables = [...config.Env, ...env].map((entry) => entry.split(/=(.*)/s, 2));
      const line = ['nsenter', target, ...inside, ...as, ...command];
      return startProgram(line, { env: Object.fromEntries(variables) }).ended;
    },
  };
}

export function runContainer(image: Image, options?: ContainerOptions): Promise<Ended> {
  return startContainer(image, options).ended;
}

/** The host's id of the process that is 1 inside: the only child of `unshare`. */
async function firstProcess({ child }: Running): Promise<number> {
  let found = '';
  await until(async () => {
    found = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')).trim();
    return found !== '';
  });
  return Number(found);
}
