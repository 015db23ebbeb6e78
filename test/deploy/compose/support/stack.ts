import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { chown, mkdir, writeFile } from 'node:fs/promises';
import { type Running, startProgram } from '../../../support/cli.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';
import { succeed } from '../../support/run.ts';
import type { ComposeProject, ComposeService } from './project.ts';

/** What stands for an image: its entry point, the files and folders in it, and its user. */
export interface Program {
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly files: readonly string[];
  readonly user: number;
}

/** A network of its own in which every service's name is known, for services that run as processes. */
export interface Stack extends AsyncDisposable {
  /** Starts a service with its command, environment, mounts, secrets and volumes, its root read-only. */
  start(name: string, program: Program): Promise<Running>;
  /** What is answered at a URL on its loopback. Throws when nothing is. */
  ask(url: string): Promise<string>;
  /** The directory behind a named volume. */
  volume(name: string): string;
}

const IN_POD = new URL('../../support/in-pod.sh', import.meta.url).pathname;
const ASK =
  'fetch(process.argv[1]).then((answer) => answer.text()).then((text) => process.stdout.write(text))';

export async function startStack(project: ComposeProject): Promise<Stack> {
  const stack = new AsyncDisposableStack();
  const { path } = stack.use(await temporaryDirectory());
  await mkdir(`${path}/root`);
  await writeFile(`${path}/hosts`, `127.0.0.1 localhost ${Object.keys(project.services).join(' ')}\n`);
  await writeFile(`${path}/nsswitch.conf`, 'hosts: files\n');
  const network = stack.use(await openNetwork());
  const volume = (name: string) => `${path}/volume-${name}`;
  return {
    async start(name, program) {
      const service = project.services[name];
      if (service === undefined) throw new Error(`there is no service ${name}`);
      const { volumes = [] } = service;
      for (const { source } of volumes.filter(({ type }) => type === 'volume')) {
        await mkdir(volume(source), { recursive: true, mode: 0o750 });
        await chown(volume(source), program.user, program.user);
      }
      const user = String(program.user);
      const binds = [
        `${path}/hosts:/etc/hosts:ro`,
        `${path}/nsswitch.conf:/etc/nsswitch.conf:ro`,
        ...program.files.map((file) => `${file}:${file}:ro`),
        ...mountsOf(project, service, volume),
      ];
      const container = ['unshare', '--mount', 'bash', IN_POD, `${path}/root`, user, user, ...binds, '--'];
      const command = [...program.entrypoint, ...(service.command ?? program.command ?? [])];
      const running = startProgram([...network.enter, ...container, ...command], {
        env: { ...service.environment },
      });
      stack.defer(async () => {
        running.child.kill('SIGKILL');
        await running.ended;
      });
      return running;
    },
    ask: (url) => {
      const [enter = '', ...inside] = network.enter;
      return succeed(enter, [...inside, process.execPath, '-e', ASK, url]);
    },
    volume,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

function mountsOf(
  project: ComposeProject,
  { volumes = [], secrets = [] }: ComposeService,
  volume: (name: string) => string,
): string[] {
  return [
    ...volumes.map(({ type, source, target, read_only: readOnly }) => {
      const from = type === 'volume' ? volume(source) : source;
      return `${from}:${target}:${readOnly === true ? 'ro' : 'rw'}`;
    }),
    ...secrets.map(({ source, target }) => `${project.secrets[source]?.file}:${target}:ro`),
  ];
}

/** A network namespace with its own loopback, which lives as long as a process in it. */
async function openNetwork(): Promise<AsyncDisposable & { readonly enter: readonly string[] }> {
  const script = 'ip link set lo up && echo up && exec cat';
  const holder = spawn('unshare', ['--net', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  return {
    enter: ['nsenter', `--net=/proc/${holder.pid}/ns/net`],
    async [Symbol.asyncDispose]() {
      holder.stdin.end();
      await once(holder, 'close');
    },
  };
}
