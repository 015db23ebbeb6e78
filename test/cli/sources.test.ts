import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACME } from '../sources/_declarative/definitions.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const run = promisify(execFile);

let space: Awaited<ReturnType<typeof temporaryDirectory>>;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program as a process of its own: Node itself loads the code of a source. */
async function penstock(...args: readonly string[]): Promise<Ended> {
  const env = { PATH: process.env['PATH'] ?? '', A_SECRET: 'secret-of-the-environment' };
  return run(process.execPath, [`${ROOT}src/main.ts`, ...args], { cwd: space.path, env }).then(
    (ended) => ({ code: 0, ...ended }),
    (error: unknown) => error as Ended,
  );
}

async function write(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(space.path, name)), { recursive: true });
  await writeFile(join(space.path, name), text);
}

/** The sample source, as a package has it. */
async function sampleFromOutside(id = 'sample-source'): Promise<string> {
  const text = await readFile(`${ROOT}test/support/sample-source/index.ts`, 'utf8');
  const imports = /^import \{ (\w+) \} from '\.\.\/.*$/gm;
  return text.replaceAll(imports, "import { $1 } from 'penstock';").replace('sample-source', id);
}

const REST = `destinations: { siem: { endpoint: http://127.0.0.1:4318 } }
sources: { one: { type: sample-source, base_url: http://127.0.0.1, token: token-of-one } }
`;

/** Writes a configuration that names these types. */
function configure(...types: readonly string[]): Promise<void> {
  return write('penstock.yaml', `types: ${JSON.stringify(types)}\n${REST}`);
}

beforeEach(async () => {
  space = await temporaryDirectory();
  await mkdir(join(space.path, 'node_modules'));
  await symlink(`${ROOT}node_modules/zod`, join(space.path, 'node_modules/zod'));
});

afterEach(() => space[Symbol.asyncDispose]());

function rows(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('penstock sources', () => {
  it('without a configuration lists the built-in types', async () => {
    const { stdout } = await penstock('sources', '--json');

    expect(new Set(rows(stdout).map(({ from }) => from))).toEqual(new Set(['built-in']));
    expect(rows(stdout).map(({ type }) => type)).toContain('petra-incidents');
  });

  it('lists the types of the configuration with where they come from, and the options of one', async () => {
    const definition = { 'package.json': '{"name":"packed-source"}', 'source.yaml': ACME };
    for (const [name, text] of Object.entries(definition)) await write(`node_modules/packed/${name}`, text);
    await write('types/code/index.ts', await sampleFromOutside('code'));
    await write('node_modules/@acme/code/lib/index.js', await sampleFromOutside());
    const exports = { '.': { import: './lib/index.js' } };
    await write('node_modules/@acme/code/package.json', JSON.stringify({ type: 'module', exports }));
    await configure('./types/code', '@acme/code', 'packed');

    const [listed, options, checked, schema] = await Promise.all([
      penstock('sources', '--json'),
      penstock('sources', 'acme-audit', '--json', '-c', join(space.path, 'penstock.yaml')),
      penstock('check', '--offline'),
      penstock('schema', '-c', 'penstock.yaml'),
    ]);

    expect(listed.stderr).toBe('');
    expect(rows(listed.stdout).slice(-3)).toMatchObject([
      { type: 'code', from: './types/code' },
      { type: 'sample-source', title: 'A sample', dataset: 'sample.rows', from: '@acme/code' },
      { type: 'acme-audit', from: 'packed' },
    ]);
    expect(rows(options.stdout)).toContainEqual({
      option: 'organisation',
      default: 'required',
      description: 'Id of the organisation.',
    });
    expect(checked.code, checked.stderr).toBe(0);
    expect(schema.stdout).toContain('Id of the organisation.');
  });

  it('says what is wrong with the code of a type, and exits 2', async () => {
    await write('a/index.ts', 'throw new Error("no licence");');
    await write('b/index.ts', 'enum Kind { one }\nexport default Kind;');
    await write('c/index.js', 'export const id = 1;');
    await write('d/index.js', 'export default { id: "d", poll() {} };');
    await write('e/index.js', 'import "no-such-module";');
    await configure('./a', './b', './c', './d', './e');

    const { code, stderr } = await penstock('sources');

    expect(code).toBe(2);
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(
      /types\[0\]: a\/index\.ts cannot be loaded \(no licence\)\. Correct it, or remove/,
    );
    expect(lines[1]).toMatch(/types\[1\]: b\/index\.ts cannot be loaded \(TypeScript enum is not supported/);
    expect(lines[2]).toMatch(/types\[2\]: .* must export a source by default .* there is no default export/);
    expect(lines[3]).toMatch(/types\[3\]: .*expected `title`: a text.*`options`: a zod schema/);
    expect(lines[3]).not.toMatch(/`id`:|`poll`:/);
    expect(lines[4]).toMatch(/types\[4\]: .* cannot be loaded \(Cannot find package 'no-such-module'/);
  });

  it('a definition reads no environment variable and no file', async () => {
    await write('secret', 'secret-of-a-file');
    const text = ACME.replace('title: Acme audit log', 'title: "${A_SECRET} ${file:./secret}"');
    await write('acme-audit/source.yaml', text);
    await configure('./acme-audit');

    const named = await penstock('sources', '--json');
    const auth = 'oauth2: { token_url: /token, client_id: one, key: { file: ./secret, id: k } }';
    await write('acme-audit/source.yaml', ACME.replace('bearer: "{{ options.token }}"', auth));
    const signed = await penstock('sources');
    await write('acme-audit/source.yaml', ACME.replace('iso(from)', 'env.A_SECRET'));
    const asked = await penstock('sources');

    expect(rows(named.stdout).at(-1)).toMatchObject({ title: '${A_SECRET} ${file:./secret}' });
    expect([signed.code, signed.stderr]).toEqual([
      2,
      expect.stringMatching(/source\.yaml:12:\d+ auth\.oauth2\.key\.file: .*an option/),
    ]);
    expect([asked.code, asked.stderr]).toEqual([
      2,
      expect.stringMatching(/source\.yaml:\d+:\d+ request\.query\.since: .*env/),
    ]);
  });
});
