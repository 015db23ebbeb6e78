import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { freePort, until } from '../receivers/support/service.ts';
import { startProgram } from '../support/cli.ts';
import { startPostgres } from '../support/postgres.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { arrivedTuple, tupleOf } from '../support/truth.ts';
import { runContainer, startContainer } from './support/container.ts';
import { parseDockerRun } from './support/docker-run.ts';
import { builtImage } from './support/image.ts';

const TOKEN = 'token-of-the-image-test';
const STATE = '/var/lib/penstock';
const UID = 65_532;
const COUNT = 200;
const HOUR = 3_600_000;

const OPERATE = new URL('../../docs/operate.md', import.meta.url).pathname;
const README = new URL('../../README.md', import.meta.url).pathname;

const { image, skipped } = await builtImage();

/** Host directories for the two places of the image that are not in it: state and configuration. */
async function places(mode: 'owned' | 'kubernetes' = 'owned') {
  const directory = await temporaryDirectory();
  const [state, etc] = [`${directory.path}/volume`, `${directory.path}/etc`];
  await chmod(directory.path, 0o755);
  await mkdir(etc);
  await mkdir(state);
  if (mode === 'owned') {
    // What a runtime makes of an image's volume: the directory as the image has it.
    await chown(state, UID, UID);
    await chmod(state, 0o750);
  } else {
    await mkdir(`${state}/lost+found`, { mode: 0o700 });
    await chown(state, 0, UID);
    await chmod(state, 0o2775);
  }
  return {
    state,
    etc,
    mounts: [`${state}:${STATE}`, `${etc}:/etc/penstock:ro`],
    configure: (settings: object) => writeFile(`${etc}/penstock.yaml`, stringify(settings)),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

async function startVendor(): Promise<SimulatedConsole> {
  const now = Date.now();
  const rows = loginAttempts({ random: seeded(9), count: COUNT, from: now - HOUR, to: now - 120_000 });
  return startConsole({ clock: systemClock, token: TOKEN, rows });
}

function settings(baseUrl: string, endpoint: string, state = `${STATE}/state`): object {
  const source = {
    type: 'qradar-login-attempts',
    base_url: baseUrl,
    token: TOKEN,
    schedule: 'every 1s',
    retries: 0,
  };
  return {
    state: { path: state },
    destinations: { siem: { endpoint } },
    sources: { console: { ...source, settle: '0s' } },
  };
}

/** The same with the state on PostgreSQL. */
function onPostgres(configuration: object, url: string): object {
  return { ...configuration, state: { postgres: { url } } };
}

/** What the health check of the image runs. */
const [, ...healthCheck] = image.config.Healthcheck?.Test ?? [];

describe.skipIf(skipped !== '')(`the image${skipped}`, () => {
  it('says how it is run, and what it is', () => {
    const { User, Entrypoint, Cmd, WorkingDir, Volumes, Labels, Healthcheck } = image.config;

    expect({ User, Entrypoint, Cmd, WorkingDir }).toEqual({
      User: `${UID}:${UID}`,
      Entrypoint: ['penstock'],
      Cmd: ['run'],
      WorkingDir: STATE,
    });
    expect(Object.keys(Volumes)).toEqual([STATE]);
    expect(Healthcheck.Test).toEqual(['CMD', 'penstock', 'status', '--check']);
    expect(Labels).toMatchObject({
      'org.opencontainers.image.title': 'Penstock',
      'org.opencontainers.image.description': expect.stringMatching(/^Polls security APIs/),
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.source': 'https://source.example/penstock',
      'org.opencontainers.image.version': expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
  });

  it('holds the program with the licences of what is bundled in it, and nothing that fetches or builds', async () => {
    const names = await readdir(`${image.root}/opt/penstock`);
    const built = await readdir(`${image.root}/opt/penstock/dist`);
    const programs = await readdir(`${image.root}/usr/local/bin`);

    expect(names.toSorted()).toEqual(['LICENSE', 'dist', 'package.json']);
    expect(built.filter((name) => !/^(?:[\w.-]+\.js|LICENSES\.txt|sbom\.cdx\.json)$/.test(name))).toEqual([]);
    const licences = await readFile(`${image.root}/opt/penstock/dist/LICENSES.txt`, 'utf8');
    for (const name of ['undici', 'zod', '@opentelemetry/otlp-exporter-base'])
      expect(licences).toContain(`\n${name} `);
    for (const name of ['esbuild', 'vitest']) expect(licences).not.toContain(`\n${name} `);
    expect(programs).toContain('penstock');
    expect(programs.filter((name) => /^(npm|npx|corepack|yarn)/.test(name))).toEqual([]);
    expect(await readdir(`${image.root}/usr/local/lib`)).not.toContain('node_modules');
    const { stdout } = await startProgram([
      'du',
      '-s',
      '--apparent-size',
      '--block-size=1MB',
      `${image.root}/opt/penstock`,
    ]).ended;
    const [, said] = /Penstock with its libraries takes (\d+) MB/.exec(await readFile(OPERATE, 'utf8')) ?? [];
    expect(Math.abs(Number(said) - Number.parseInt(stdout, 10))).toBeLessThanOrEqual(5);
  });

  it('has no package manager, and no program with rights of its own', async () => {
    const find = ['find', image.root, '-xdev', '-type', 'f', '-perm', '/6000'];
    const managers = /^(?:apt|dpkg|npm|npx|corepack|yarn)/;

    const { stdout } = await startProgram(find).ended;
    const folders = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'usr/local/sbin'];
    const programs = await Promise.all(folders.map((folder) => readdir(`${image.root}/${folder}`)));

    expect(stdout).toBe('');
    expect(programs.flat()).toContain('penstock');
    expect(programs.flat().filter((name) => managers.test(name))).toEqual([]);
    expect(await readFile(`${image.root}/var/lib/dpkg/status`, 'utf8')).toContain('Package: libc6\n');
  });

  it('has no secret of its build, in no layer, variable or label', async () => {
    const layers = ['sh', '-c', 'grep --count --text "$1" "$2"', 'sh'];
    const count = async (words: string) =>
      (await startProgram([...layers, words, `${image.root}.tar`]).ended).stdout.trim();

    expect(Number(await count('opt/penstock/dist/main.js'))).toBeGreaterThan(0);
    expect(await count('secret-of-the-image-build')).toBe('0');
    expect(await readFile(`${image.root}.json`, 'utf8')).not.toContain('secret-of-the-image-build');
    const variables = image.config.Env.map((entry) => entry.split('=')[0]);
    const own = /^(?:PATH|NODE_ENV|NODE_VERSION|YARN_VERSION|TMPDIR|XDG_CACHE_HOME)$/;
    expect(variables.filter((name) => !own.test(name ?? ''))).toEqual([]);
  });

  it('has a bill of materials of the packages that it holds', async () => {
    const file = await readFile(`${image.root}/opt/penstock/dist/sbom.cdx.json`, 'utf8');
    const { components } = JSON.parse(file) as { components: { name: string; version: string }[] };
    const licences = await readFile(`${image.root}/opt/penstock/dist/LICENSES.txt`, 'utf8');
    const held = [...licences.matchAll(/^(\S+ \d+\.\d+\.\d+\S*) \(.+\)$/gm)].map(([, name]) => name);

    expect(held.length).toBeGreaterThan(20);
    expect(components.map(({ name, version }) => `${name} ${version}`)).toEqual(expect.arrayContaining(held));
  });

  it('needs no capability and no way to gain rights', async () => {
    await using place = await places();
    const script =
      "grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|Uid):' /proc/self/status; exec penstock --version";

    const { code, stdout, stderr } = await runContainer(image, {
      mounts: place.mounts,
      entrypoint: ['sh', '-c'],
      args: [script],
    });

    expect(code, stderr).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/:?\s+/));
    const none = '0'.repeat(16);
    expect(Object.fromEntries(lines.map(([name, first]) => [name, first]))).toMatchObject({
      Uid: String(UID),
      CapInh: none,
      CapPrm: none,
      CapEff: none,
      CapAmb: none,
      NoNewPrivs: '1',
    });
  });

  it('has its state directory, of its user, and nothing else that this user may write to, read-only or not', async () => {
    const find = 'find / -xdev ( -path /dev -o -path /proc ) -prune -o -writable ! -type l -print'.split(' ');
    const owned = await stat(image.root + STATE);

    const user = [`--root=${image.root}`, `--setgid=${UID}`, `--setuid=${UID}`];
    const { stdout } = await startProgram(['unshare', ...user, ...find]).ended;

    expect([owned.uid, owned.gid, owned.mode & 0o777]).toEqual([UID, UID, 0o750]);
    expect(stdout).toBe(`${STATE}\n`);
  });

  it('runs the demo without a network and with a read-only root, as process 1 of its user', async () => {
    await using place = await places();
    const { mounts } = place;
    const script = 'echo $$ $(id -u):$(id -g); touch /tmp/no /opt/penstock/no /etc/no || exec penstock demo';

    const { code, stdout, stderr } = await runContainer(image, {
      mounts,
      entrypoint: ['sh', '-c'],
      args: [script],
    });

    expect(code, stderr).toBe(0);
    expect(stderr.match(/Read-only file system/g)).toHaveLength(3);
    const [who, ...lines] = stdout.trim().split('\n');
    expect(who).toBe(`1 ${UID}:${UID}`);
    const events = lines.map((line) => JSON.parse(line) as { event?: { dataset: string } });
    expect(events.pop()).toMatchObject({ lost: 0, duplicates: 0 });
    expect(new Set(events.map(({ event }) => event?.dataset)).size).toBe(5);
    expect(await readdir(place.state)).toEqual(['.cache']);
  });

  it.each([
    ['below it', `${STATE}/state`],
    ['itself', STATE],
  ])(
    'begins on a volume as Kubernetes gives it, the state %s, and leaves its mode alone',
    async (_, state) => {
      await using place = await places('kubernetes');
      await using console = await startVendor();
      await using receiver = await startReceiver({ clock: systemClock });
      await place.configure(settings(console.url, receiver.url, state));
      const before = await stat(place.state);

      const { code, stderr } = await runContainer(image, { ...place, args: ['once'], network: 'host' });

      expect(code, stderr).toBe(0);
      expect(receiver.received().map(arrivedTuple).toSorted()).toEqual(
        (console.rows as Parameters<typeof tupleOf>[0][]).map(tupleOf).toSorted(),
      );
      const after = await stat(place.state);
      expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid]);
      expect(await readdir(place.state)).toContain('lost+found');
    },
  );

  it('is healthy from its first complete sweep on, and ends within 10 s of SIGTERM', async () => {
    await using place = await places();
    await using console = await startVendor();
    await using receiver = await startReceiver({ clock: systemClock });
    await place.configure(settings(console.url, receiver.url));
    console.onRequest = () => ({ status: 503 });
    const container = startContainer(image, { ...place, network: 'host' });
    await console.asked(1);

    const early = await container.exec(healthCheck);
    console.onRequest = undefined;
    await receiver.until(COUNT);
    await until(async () => (await container.exec(healthCheck)).code === 0);
    const stopped = Date.now();
    await container.kill('SIGTERM');
    const { code, signal, stderr } = await container.ended;

    expect([early.code, early.stderr]).toEqual([
      3,
      expect.stringContaining('No complete poll has ended yet.'),
    ]);
    expect([code, signal], stderr).toEqual([0, null]);
    expect(Date.now() - stopped).toBeLessThan(10_000);
  });

  it('keeps its state in PostgreSQL, and writes nothing beside it but compiled code', async () => {
    await using place = await places();
    await using console = await startVendor();
    await using receiver = await startReceiver({ clock: systemClock });
    await using database = await startPostgres();
    await place.configure(onPostgres(settings(console.url, receiver.url), database.url()));

    const { code, stderr } = await runContainer(image, { ...place, args: ['once'], network: 'host' });

    expect(code, stderr).toBe(0);
    expect(receiver.received()).toHaveLength(COUNT);
    expect(await readdir(place.state)).toEqual(['.cache']);
  });

  it('says which database it cannot reach, without the password, and ends with exit 5 at the deadline of `once`', async () => {
    await using place = await places();
    const url = `postgres://penstock:secret-of-the-image-test@127.0.0.1:${await freePort()}/soc`;
    await place.configure(onPostgres(settings('http://127.0.0.1:9', 'http://127.0.0.1:9'), url));

    const { code, stderr } = await runContainer(image, {
      ...place,
      args: ['once', '--deadline', '5s'],
      network: 'host',
    });

    expect(code, stderr).toBe(5);
    expect(stderr).toContain(new URL(url).host);
    expect(stderr).not.toContain('secret-of-the-image-test');
  });

  it('waits at its start for a database that is away, and goes on by itself when it is back', async () => {
    await using place = await places();
    await using console = await startVendor();
    await using receiver = await startReceiver({ clock: systemClock });
    await using database = await startPostgres();
    await place.configure(onPostgres(settings(console.url, receiver.url), database.url()));
    await database.stop('fast');

    const container = startContainer(image, { ...place, network: 'host' });
    await until(async () => container.stderr().includes(new URL(database.url()).host));
    const before = receiver.received().length;
    await database.restart();
    await receiver.until(COUNT);
    await container.kill('SIGTERM');
    const { code, stderr } = await container.ended;

    expect([before, code], stderr).toEqual([0, 0]);
    expect(receiver.received()).toHaveLength(COUNT);
  });

  it('runs as docs/operate.md says, with the configuration that the README shows', async () => {
    await using place = await places();
    await using console = await startVendor();
    await using receiver = await startReceiver({ clock: systemClock });
    const [readme, operate] = [await readFile(README, 'utf8'), await readFile(OPERATE, 'utf8')];
    const [demo = '', daemon = ''] = operate.match(/^ {4}docker run .*$/gm)?.map((line) => line.trim()) ?? [];
    const [, shown = ''] = /<<'YAML'\n(.*?)\n {4}YAML/s.exec(readme) ?? [];
    const yaml = shown
      .replaceAll(/^ {4}/gm, '')
      .replace('https://qradar.example.com', console.url)
      .replace('http://127.0.0.1:4318', receiver.url);
    await writeFile(`${place.etc}/penstock.yaml`, yaml);
    const { volumes, env, readOnly } = parseDockerRun(daemon);
    const mounts = volumes.map((volume) =>
      volume.replace('$PWD', place.etc).replace(/^penstock:/, `${place.state}:`),
    );

    const shownDemo = await runContainer(image, {
      args: parseDockerRun(demo).args,
      mounts: [`${place.state}:${STATE}`],
    });
    const container = startContainer(image, {
      mounts,
      env: env.map((name) => `${name}=${TOKEN}`),
      network: 'host',
    });
    await receiver.until(COUNT);
    const status = await container.exec(['penstock', 'status']);
    await container.kill('SIGTERM');
    const { code, stderr } = await container.ended;

    expect([shownDemo.code, readOnly], shownDemo.stderr).toEqual([0, true]);
    expect(status.stdout).toContain('"source":"console"');
    expect(code, stderr).toBe(0);
    expect((await readdir(place.state)).toSorted()).toEqual(['.cache', 'state']);
  });
});
