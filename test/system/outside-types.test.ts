import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { serve, type SimulatedRequest, type Simulator } from '../../src/simulators/server.ts';
import { ACME } from '../sources/_declarative/definitions.ts';
import { runCli, startCli, workspace } from '../support/cli.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const TOKEN = 'token-of-the-outside-types';
const COUNT = 1_500;
const PAGE = 50;
const KILLS = 8;

/** A vendor that keeps the place: a file beside the configuration. */
const FEED = `id: acme-feed
title: Acme feed
vendor: Acme
product: Feed
dataset: acme.feed
event: { kind: event, category: [web], type: [info] }
auth: { bearer: "{{ options.token }}" }
request: { path: /v1/feed }
cursor:
  position: { from: next, more: more, request: { query: { cursor: "{{ position }}" } } }
records: items
key: [id]
map: { "@timestamp": created_at, event.action: action }
`;

interface Row {
  readonly id: string;
  readonly created_at: string;
  readonly action: string;
}

const start = Date.now() - 2 * 3_600_000;

function rowsOf(vendor: string): Row[] {
  return Array.from({ length: COUNT }, (_, index) => ({
    id: `${vendor}-${index}`,
    created_at: new Date(start + index * 4_000).toISOString(),
    action: 'read',
  }));
}

const AUDIT = rowsOf('audit');
const FEED_ROWS = rowsOf('feed');
const SAMPLE = rowsOf('sample');

/** The three vendors behind one port. */
function answer({ path, query }: SimulatedRequest) {
  if (path.endsWith('/audit')) return audit(path, query);
  const at = Number(query.get('from') ?? query.get('cursor') ?? 0);
  if (path === '/rows') return { status: 200, body: SAMPLE.slice(at, at + PAGE) };
  const items = FEED_ROWS.slice(at, at + PAGE);
  const next = at + items.length;
  return { status: 200, body: { items, next: String(next), more: next < COUNT } };
}

function audit(path: string, query: URLSearchParams) {
  const offset = Number(query.get('offset') ?? 0);
  const [since, until] = [query.get('since') ?? '', query.get('until') ?? ''];
  const rows = AUDIT.filter(({ created_at: at }) => at >= since && at < until);
  const following = new URLSearchParams(query);
  following.set('offset', String(offset + PAGE));
  const link = offset + PAGE < rows.length && { link: `<${path}?${following}>; rel="next"` };
  return { status: 200, headers: { ...link }, body: { data: rows.slice(offset, offset + PAGE) } };
}

let vendor: Simulator;
let receiver: Receiver;
let space: Awaited<ReturnType<typeof workspace>>;

async function write(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(space.path, name)), { recursive: true });
  await writeFile(join(space.path, name), text);
}

/** A source as a package: the sample of this tree, with what it imports from \`penstock\`. */
async function installPackage(): Promise<void> {
  const text = await readFile(`${ROOT}test/support/sample-source/index.ts`, 'utf8');
  const imports = /^import \{ (\w+) \} from '\.\.\/.*$/gm;
  const name = 'node_modules/@acme/penstock-source';
  await write(`${name}/package.json`, '{ "type": "module", "exports": { "import": "./lib/index.js" } }');
  await write(`${name}/lib/index.js`, text.replaceAll(imports, "import { $1 } from 'penstock';"));
  await symlink(`${ROOT}node_modules/zod`, join(space.path, 'node_modules/zod'));
}

const TYPES = ['./types/acme-audit', './types/acme-feed.source.yaml', '@acme/penstock-source'];

function configure(types: readonly string[] = TYPES): Promise<void> {
  const common = {
    base_url: vendor.url,
    token: TOKEN,
    schedule: 'every 1s',
    quota: { requests: 100_000, per: '1m' },
  };
  const sources = {
    audit: { type: 'acme-audit', ...common, organisation: 'acme', settle: '0s', initial_lookback: '3h' },
    feed: { type: 'acme-feed', ...common },
    sample: { type: 'sample-source', ...common },
  };
  const destinations = { siem: { endpoint: receiver.url } };
  const log = { level: 'info' };
  return writeFile(
    space.config,
    stringify({ types, state: { path: `${space.path}/state` }, destinations, sources, log }),
  );
}

beforeEach(async () => {
  vendor = await serve(answer, { clock: systemClock });
  receiver = await startReceiver({ clock: systemClock });
  space = await workspace();
  await write('types/acme-audit/source.yaml', ACME);
  await write('types/acme-feed.source.yaml', FEED);
  await installPackage();
  await configure();
});

afterEach(async () => {
  for (const one of [vendor, receiver, space]) await one[Symbol.asyncDispose]();
});

/** Each row of each vendor arrived under one id, and every repeat of it is the same. */
function expectTruth(): void {
  const events = [...receiver.ids().values()].map(([first, ...repeats]) => {
    for (const repeat of repeats) expect(repeat.record).toEqual(first?.record);
    return first?.record.attributes['event.id'] as string;
  });
  const rows = [...AUDIT, ...FEED_ROWS, ...SAMPLE].map(({ id }) => id);
  expect(events.toSorted()).toEqual(rows.toSorted());
}

describe('a folder, a file and a package that the configuration names', () => {
  it('are polled and killed between pages, and every row arrives once', async () => {
    const random = seeded(1);
    let kills = 0;
    for (let life = 0; life < KILLS; life += 1) {
      const { child, ended } = startCli(['once', '-c', space.config]);
      const gone = new AbortController();
      void ended.then(() => gone.abort());
      const some = 1 + Math.floor(random() * 14);
      await vendor.asked(vendor.requests.length + some, gone.signal).catch(() => undefined);
      for (let turns = Math.floor(random() * 40); turns > 0; turns -= 1) await turn();
      child.kill('SIGKILL');
      if ((await ended).signal === 'SIGKILL') kills += 1;
    }
    for (let passes = 0; passes < COUNT / PAGE && receiver.ids().size < 3 * COUNT; passes += 1) {
      const { code, stderr } = await runCli(['once', '-c', space.config]);
      expect(code, stderr).toBe(0);
    }

    expect(kills).toBeGreaterThan(KILLS / 2);
    expectTruth();
  });

  it('work with every command, as the built-in ones do', async () => {
    const span = ['--from', new Date(start).toISOString(), '--to', new Date(start + 60_000).toISOString()];
    const commands = [
      ['check'],
      ['preview', 'audit', '--limit', '2'],
      ['preview', 'sample', '--limit', '2'],
      ['once', '--json'],
      ['gaps', 'audit', '--from', new Date(start - 86_400_000).toISOString()],
      ['status', '--json'],
      ['backfill', 'audit', ...span],
      ['state', 'show'],
      ['sources', '--json'],
    ];

    for (const command of commands) {
      const { code, stdout, stderr } = await runCli([...command, '-c', space.config]);

      // `gaps` says by 3 that something is missing: what is older than `initial_lookback`.
      expect(code, `${command.join(' ')}: ${stdout}${stderr}`).toBe(command[0] === 'gaps' ? 3 : 0);
      expect(stdout, command.join(' ')).toMatch(/audit|sample|acme/);
    }
  });

  it('at a SIGHUP, a definition that is broken or changed leaves the running one as it is', async () => {
    const daemon = startCli(['run', '-c', space.config]);
    try {
      await receiver.until(500);
      await write('types/acme-audit/source.yaml', ACME.replace('records: data', 'recods: data'));
      daemon.child.kill('SIGHUP');
      await daemon.said('Reload rejected', 1);
      const broken = daemon.stderr();
      await write('types/acme-audit/source.yaml', ACME.replace('key: [id]', 'key: [id, action]'));
      daemon.child.kill('SIGHUP');
      await daemon.said('Reload rejected', 2);
      const changed = daemon.stderr().slice(broken.length);
      await write('types/acme-audit/source.yaml', ACME.replace('title: Acme audit log', 'title: Acme'));
      daemon.child.kill('SIGHUP');
      await daemon.said('"message":"Started."', 3);
      await receiver.until(() => receiver.ids().size >= 3 * COUNT);
      daemon.child.kill('SIGTERM');
      const { code } = await daemon.ended;

      expect(broken).toMatch(/types\/acme-audit\/source\.yaml:30:1 recods: unknown option/);
      expect(changed).toMatch(
        /Source audit: the definition of acme-audit changed in `key`.*give the definition a new id/,
      );
      expect(code).toBe(0);
      expectTruth();
    } finally {
      daemon.child.kill('SIGKILL');
    }
  });

  it('a start with a definition whose key changed exits 2, and says what to do', async () => {
    await runCli(['once', '-c', space.config]);
    await write('types/acme-feed.source.yaml', FEED.replace('key: [id]', 'key: [id, created_at]'));

    const refused = await runCli(['once', '-c', space.config]);
    await runCli(['state', 'reset', 'feed', '--yes', '-c', space.config]);
    const anew = await runCli(['once', '-c', space.config]);

    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/Source feed: .* acme-feed changed in `key`.*penstock state reset feed/),
    ]);
    expect(anew.code, anew.stderr).toBe(0);
  });
});
