import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { runCli, workspace } from '../support/cli.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;
const TOKEN = 'token-of-the-test';

let place: Awaited<ReturnType<typeof workspace>>;
let vendor: SimulatedConsole;

beforeAll(async () => {
  vendor = await startConsole({ clock: systemClock, token: TOKEN });
  place = await workspace(
    (path) =>
      `state: { path: ${path}/state }
destinations: { siem: { endpoint: ${vendor.url} } }
sources: { console: { type: qradar-login-attempts, base_url: ${vendor.url}, token: ${TOKEN} } }
`,
  );
});

afterAll(async () => {
  await place[Symbol.asyncDispose]();
  await vendor[Symbol.asyncDispose]();
});

/** The packages and source types of which a command loads code, as Node's compile cache reports it. */
async function loadedBy(...args: readonly string[]): Promise<readonly string[]> {
  const env = { NODE_DEBUG_NATIVE: 'COMPILE_CACHE', NODE_COMPILE_CACHE: `${place.path}/report` };
  const { code, stderr } = await runCli(args, { env });
  expect(code, stderr).toBe(0);
  const files = new Set([...stderr.matchAll(/ for ESM \S*\/dist\/([^/\s]+\.js)\b/g)].map(([, name]) => name));
  expect(files).toContain('main.js');
  const texts = await Promise.all([...files].map((name) => readFile(DIST + name, 'utf8')));
  // esbuild writes above each module where it is from.
  const modules = texts.flatMap((text) => [
    ...text.matchAll(/^ *\/\/ (?:node_modules\/((?:@[^/\s]+\/)?[^/\s]+)|src\/(sources\/[^_/\s][^/\s]*))\//gm),
  ]);
  return [...new Set(modules.map(([, name, source]) => name ?? source ?? ''))].toSorted();
}

const CONFIGURATION = ['luxon', 'node-cron', 'yaml', 'zod', 'sources/qradar-login-attempts'];
const LOG = [
  '@elastic/ecs-helpers',
  '@elastic/ecs-pino-format',
  '@pinojs/redact',
  'atomic-sleep',
  'on-exit-leak-free',
  'pino',
  'pino-std-serializers',
  'quick-format-unescaped',
  'safe-stable-stringify',
  'sonic-boom',
  'thread-stream',
];
const POLLING = ['http-link-header', 'is-network-error', 'p-retry', 'undici'];

describe('what a command loads', () => {
  it.each(['--help', '--version', 'sources'])(
    '%s loads only the parser of the command line',
    async (args) => {
      expect(await loadedBy(args)).toEqual(['commander']);
    },
  );

  it('status loads what reads the configuration and writes the log', async () => {
    const loaded = await loadedBy('status', '-c', place.config);

    expect(loaded).toEqual(['commander', ...CONFIGURATION, ...LOG].toSorted());
  });

  it('once with nothing to send loads no exporter, and no source that the configuration does not name', async () => {
    const loaded = await loadedBy('once', '-c', place.config);

    expect(loaded).toEqual(['commander', ...CONFIGURATION, ...LOG, ...POLLING].toSorted());
    expect(vendor.requests.length).toBeGreaterThan(0);
  });

  it('once loads the language of expressions only for a source that drops', async () => {
    const cel = '@marcbachmann/cel-js';
    const text = await readFile(place.config, 'utf8');
    const file = `${place.path}/shaped.yaml`;
    const loadedWith = async (shape: string) => {
      await writeFile(file, text.replace(/ \} \}\n$/, `, shape: ${shape} } }\n`));
      return loadedBy('once', '-c', file);
    };

    expect(await loadedWith('{ remove: [user.name] }')).not.toContain(cel);
    expect(await loadedWith('{ drop: [event.outcome == "success"] }')).toContain(cel);
  });
});

async function version(env: Readonly<Record<string, string>>) {
  const { code, stdout, stderr } = await runCli(['--version'], { env });
  return { code, stderr, isVersion: /^\d+\.\d+\.\d+\n$/.test(stdout) };
}

describe('compiled code', () => {
  const GOOD = { code: 0, stderr: '', isVersion: true };

  it('is kept in a directory that only this user may open', async () => {
    const cache = `${place.path}/cache`;

    expect(await version({ XDG_CACHE_HOME: cache })).toEqual(GOOD);

    const { mode } = await stat(`${cache}/penstock`);
    expect(mode & 0o777).toBe(0o700);
    const [versioned = ''] = await readdir(`${cache}/penstock`);
    expect((await readdir(`${cache}/penstock/${versioned}`)).length).toBeGreaterThan(1);
    expect(await version({ XDG_CACHE_HOME: cache })).toEqual(GOOD);
  });

  it('is kept below the home directory where XDG_CACHE_HOME is not set', async () => {
    expect(await version({ HOME: place.path })).toEqual(GOOD);

    expect(await readdir(`${place.path}/.cache/penstock`)).toHaveLength(1);
  });

  it.each([
    ['others may write to', async (path: string) => mkdir(path).then(() => chmod(path, 0o777))],
    ['is a file', async (path: string) => writeFile(path, 'not a directory')],
  ])('is not kept where the directory %s', async (what, make) => {
    const cache = `${place.path}/${what.replaceAll(' ', '-')}`;
    await mkdir(cache);
    await make(`${cache}/penstock`);

    expect(await version({ XDG_CACHE_HOME: cache })).toEqual(GOOD);

    const found = await stat(`${cache}/penstock`);
    expect(found.isFile() || (await readdir(`${cache}/penstock`)).length === 0).toBe(true);
  });

  it.skipIf(process.getuid?.() !== 0)('of another user is not used, by root either', async () => {
    const cache = `${place.path}/foreign`;
    await mkdir(`${cache}/penstock`, { recursive: true, mode: 0o700 });
    await chown(`${cache}/penstock`, 65532, 65532);

    expect(await version({ XDG_CACHE_HOME: cache })).toEqual(GOOD);

    expect(await readdir(`${cache}/penstock`)).toEqual([]);
  });

  it.skipIf(process.getuid?.() !== 0)('is not kept for a user who has no home directory', async () => {
    const under = ['setpriv', '--reuid=54321', '--clear-groups'];

    const { code, stdout, stderr } = await runCli(['--version'], { under });

    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^\d/);
  });
});
