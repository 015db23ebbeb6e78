import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { serve, type SimulatedRequest } from '../../src/simulators/server.ts';
import { startCli, startProgram } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

/** The files that the page shows: each code block belongs to the path that was named last before it. */
function filesOf(page: string): Map<string, string> {
  const files = new Map<string, string>();
  const blocks = page.matchAll(
    /^`((?:src\/|test\/|types\/|penstock\.yaml)[^`]*)`[^\n]*\n+```\w+\n(.*?)^```$/gms,
  );
  for (const [, path = '', content = ''] of blocks) files.set(path, content);
  return files;
}

it('the source that docs/add-a-source.md adds type-checks and passes the contract tests', async () => {
  const page = await readFile(join(ROOT, 'docs/add-a-source.md'), 'utf8');
  const [, arguments_ = ''] = /^ {4}npm test -- (.*)$/m.exec(page) ?? [];
  await using copy = await temporaryDirectory();
  for (const part of ['src', 'test', 'package.json', 'tsconfig.json'])
    await cp(join(ROOT, part), join(copy.path, part), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy.path, 'node_modules'));
  const files = new Map([...filesOf(page)].filter(([path]) => /^(?:src|test)\//.test(path)));
  for (const [path, content] of files) {
    await mkdir(dirname(join(copy.path, path)), { recursive: true });
    await writeFile(join(copy.path, path), content);
  }
  await writeFile(join(copy.path, 'src/sources/acme-audit-log/fixtures/events.ecs.json'), '');
  const run = async (...command: readonly string[]) => {
    const options = { cwd: copy.path, env: { NO_COLOR: '1', PATH: `${dirname(execPath)}:/usr/bin:/bin` } };
    const { code, stdout, stderr } = await startProgram(command, options).ended;
    expect(code, stdout + stderr).toBe(0);
    return stdout;
  };
  const bin = (name: string) => join(copy.path, 'node_modules/.bin', name);

  const vitest = [bin('vitest'), 'run', '--config', 'test/vitest.config.ts', '--project', 'fast'];
  const tested = await run(...vitest, ...arguments_.split(' '));
  await run(bin('tsc'), '--noEmit');
  const listed = await run(execPath, 'src/main.ts', 'sources', 'acme-audit-log');
  const golden = await readFile(
    join(copy.path, 'src/sources/acme-audit-log/fixtures/events.ecs.json'),
    'utf8',
  );

  expect(files.size).toBe(4);
  expect(tested).toMatch(/Tests .* [2-9]\d passed/);
  expect(listed).toContain('page_size');
  expect(golden).toContain('"message": "anna: user.create"');
});

const KEY = 'key-of-lantern';

/** The vendor of the page: two pages of a login each. */
function lantern({ query, headers }: SimulatedRequest) {
  if (headers['x-api-key'] !== KEY) return { status: 401, body: { message: 'No.' } };
  const second = query.get('continue') === 'p2';
  const item = {
    event_id: second ? 'e-2' : 'e-1',
    ts: Number(query.get('to')) - (second ? 50 : 100),
    kind: 'login',
    ok: !second,
    who: { login: 'anna' },
    ip: '203.0.113.77',
  };
  return { status: 200, body: { items: [item], continue: second ? null : 'p2' } };
}

it('the commands of docs/add-a-source.md lead from nothing to a tested definition whose events are shown', async () => {
  const page = await readFile(join(ROOT, 'docs/add-a-source.md'), 'utf8');
  const [, walk = ''] = page.split(/^## Without code$|^## When to write code instead$/m);
  await using space = await temporaryDirectory();
  await using vendor = await serve(lantern, { clock: systemClock });
  await using receiver = await startReceiver({ clock: systemClock });
  const files = new Map(
    [...filesOf(walk)].map(([path, text]) => [
      path,
      text.replace('https://api.lantern.example', vendor.url).replace('http://127.0.0.1:4318', receiver.url),
    ]),
  );
  const outputs = new Map<string, string>();
  const penstock = async (args: readonly string[]) => {
    const env = { LANTERN_KEY: KEY, NO_COLOR: '1' };
    const { code, stdout, stderr } = await startCli(args, { cwd: space.path, env }).ended;
    expect(code, args.join(' ') + stdout + stderr).toBe(0);
    outputs.set(args.slice(0, 2).join(' '), stdout);
  };

  for (const [, line = ''] of walk.matchAll(/^ {4}((?:penstock|rm) .*)$/gm)) {
    const [program, ...args] = line.split(' ');
    await (program === 'rm' ? rm(join(space.path, args[0] ?? '')) : penstock(args));
    // What the page shows is written once there is a folder for it.
    if (outputs.size === 2) for (const [path, text] of files) await writeFile(join(space.path, path), text);
  }

  expect([...files.keys()]).toEqual(['types/lantern-audit/source.yaml', 'penstock.yaml']);
  expect([...outputs.keys()]).toEqual([
    'source new',
    'source test',
    'source record',
    'check',
    'preview lantern',
  ]);
  expect(outputs.get('source test')).toContain('recorded.yaml","events":2,"updated":false,"differences":[]');
  const events = outputs
    .get('preview lantern')
    ?.trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(events).toMatchObject([
    { event: { id: 'e-1', outcome: 'success' }, user: { name: 'anna' }, source: { ip: '203.0.113.77' } },
    { event: { id: 'e-2', outcome: 'failure' } },
  ]);
  const recorded = await readFile(join(space.path, 'types/lantern-audit/fixtures/recorded.yaml'), 'utf8');
  for (const real of ['anna', '203.0.113.77', KEY]) expect(recorded).not.toContain(real);
}, 120_000);
