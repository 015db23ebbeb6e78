import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { execPath } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProgram, type Ended } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const REPOSITORY = new URL('../..', import.meta.url).pathname;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let tarball: string;
let files: readonly string[];

/** This machine's settings of npm, without what the npm that runs this test says of itself. */
function npmEnvironment(): Record<string, string> {
  const own = /^npm_(?!config_)|^npm_config_(local|global)_prefix$/i;
  const entries = Object.entries(process.env).filter(([name]) => !own.test(name));
  return Object.fromEntries(entries) as Record<string, string>;
}

async function npm(...args: readonly string[]): Promise<Ended> {
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
  const options = { cwd: directory.path, env: npmEnvironment() };
  const ended = await startProgram(['npm', ...quiet, ...args], options).ended;
  if (ended.code === 0) return ended;
  throw new Error(`npm ${args.join(' ')} ended with ${ended.code}:\n${ended.stdout}${ended.stderr}`);
}

/** Runs an installed program in a directory that has nothing else, with Node in the PATH. */
function run(...command: readonly string[]): Promise<Ended> {
  const PATH = `${dirname(execPath)}:/usr/bin:/bin`;
  return startProgram(command, { cwd: directory.path, env: { PATH } }).ended;
}

beforeAll(async () => {
  directory = await temporaryDirectory();
  const packed = await npm('pack', REPOSITORY, '--ignore-scripts', '--json');
  const [told] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
  tarball = `${directory.path}/${told.filename}`;
  files = told.files.map(({ path }) => path);
});

afterAll(() => directory[Symbol.asyncDispose]());

describe('the packed file', () => {
  it('holds the built program, its example and its documents, and nothing else', () => {
    const expected =
      /^(dist\/[^/]+\.js(\.map)?|dist\/types\/(core|core\/cel|config|ecs|sources\/_kit)\/[^/]+\.d\.ts|dist\/LICENSES\.txt|config\/(penstock\.yaml|(penstock|source)\.schema\.json)|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/;

    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((path) => !expected.test(path))).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'config/penstock.yaml']),
    );
  });

  it('is one that publint finds nothing wrong with', async () => {
    const { stdout } = await npm('run', '--prefix', REPOSITORY, 'check:package', '--', tarball);

    expect(stdout).toContain('All good!');
  });

  it.each([
    ['globally', ['--global'], 'global/bin/penstock'],
    ['into a project', [], 'project/node_modules/.bin/penstock'],
  ])('is installed %s, and runs', async (_, flags, program) => {
    const prefix = `${directory.path}/${program.split('/')[0]}`;
    await mkdir(prefix);
    await npm('install', ...flags, '--prefix', prefix, tarball);
    const penstock = `${directory.path}/${program}`;
    const { version } = JSON.parse(await readFile(`${REPOSITORY}package.json`, 'utf8')) as {
      version: string;
    };

    const [told, schema, demo] = [
      await run(penstock, '--version'),
      await run(penstock, 'schema'),
      await run(penstock, 'demo'),
    ];

    expect(told.stdout).toBe(`${version}\n`);
    expect(schema.stdout).toBe(await readFile(`${REPOSITORY}config/penstock.schema.json`, 'utf8'));
    expect(demo.code, demo.stderr).toBe(0);
    const events = demo.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event?: { dataset: string } });
    expect(events.pop()).toMatchObject({ lost: 0, duplicates: 0 });
    expect(new Set(events.map(({ event }) => event?.dataset)).size).toBe(5);
  });
});

/** Compiles the sample source against the package that is installed in `project`. */
async function compile(text: string): Promise<Ended> {
  const project = `${directory.path}/project`;
  await writeFile(`${project}/package.json`, '{ "type": "module" }');
  await writeFile(`${project}/source.ts`, text);
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--skipLibCheck'];
  const types = ['--typeRoots', `${REPOSITORY}node_modules/@types`, '--types', 'node'];
  const tsc = `${REPOSITORY}node_modules/.bin/tsc`;
  return startProgram([tsc, ...options, ...types, 'source.ts'], { cwd: project }).ended;
}

describe('a source outside the tree', () => {
  it('compiles against the types of the package, and runs with its functions', async () => {
    const sample = await readFile(`${REPOSITORY}test/support/sample-source/index.ts`, 'utf8');
    const imports = /^import \{ (\w+) \} from '\.\.\/.*$/gm;
    const names = [...sample.matchAll(imports)].map(([, name]) => name);
    const text = `import { ${names.join(', ')} } from 'penstock';\n${sample.replaceAll(imports, '')}`;
    const wrong = text.replace("stream: 'append-only'", "stream: 'append'");

    const [good, bad] = [await compile(text), await compile(wrong)];
    await writeFile(`${directory.path}/project/source.ts`, text);
    const shown = await run(
      execPath,
      '--input-type=module',
      '--eval',
      `const { default: source } = await import('${directory.path}/project/source.ts');
       console.log(source.id, source.options.parse({ type: source.id, base_url: 'http://127.0.0.1', token: 't' }).timeout);`,
    );

    expect([good.code, good.stdout]).toEqual([0, '']);
    expect(bad.stdout).toContain(`Type '"append"' is not assignable to type`);
    expect(shown, shown.stderr).toMatchObject({ code: 0, stdout: 'sample-source 30000\n' });
  });

  it('is a type of an installed Penstock when the configuration names its folder', async () => {
    const project = `${directory.path}/project`;
    const sample = await readFile(`${REPOSITORY}test/support/sample-source/index.ts`, 'utf8');
    await mkdir(`${project}/types/sample-source`, { recursive: true });
    await writeFile(
      `${project}/types/sample-source/index.ts`,
      sample.replaceAll(/^import \{ (\w+) \} from '\.\.\/.*$/gm, "import { $1 } from 'penstock';"),
    );
    await writeFile(`${project}/penstock.yaml`, 'types: [./types/sample-source]\n');

    const penstock = `${project}/node_modules/.bin/penstock`;
    const listed = await run(penstock, 'sources', '--json', '--config', `${project}/penstock.yaml`);

    expect([listed.code, listed.stderr]).toEqual([0, '']);
    const last = listed.stdout.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ type: 'sample-source', from: './types/sample-source' });
  });
});

describe('npm ci', () => {
  it('has nothing to warn of, on this machine’s own Node', async () => {
    await using clone = await temporaryDirectory();
    const files = ['package.json', 'package-lock.json', '.npmrc'];
    for (const file of files) await copyFile(REPOSITORY + file, `${clone.path}/${file}`);
    const env = npmEnvironment();
    // The log level of the npm that runs this test would count for more than the file's.
    delete env['npm_config_loglevel'];
    env['PATH'] = (env['PATH'] ?? '')
      .split(':')
      .filter((folder) => !folder.includes('node_modules'))
      .join(':');

    const dry = ['npm', 'ci', '--dry-run', '--ignore-scripts', '--offline'];
    const { code, stderr } = await startProgram(dry, { cwd: clone.path, env }).ended;

    expect([code, stderr]).toEqual([0, '']);
  });
});
