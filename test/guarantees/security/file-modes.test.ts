import { watch } from 'node:fs';
import { lstat, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../../src/core/clock.ts';
import { refusing } from '../../../src/simulators/otlp-receiver.ts';
import { serve } from '../../../src/simulators/server.ts';
import { openWorld, type World } from '../../cli/support/world.ts';
import { type Ended, runCli, startCli } from '../../support/cli.ts';

/** The user of a container, a unit or a cron job may have any umask; with this one every file is as its maker says. */
const UNMASKED = ['sh', '-c', 'umask 000; exec "$@"', 'sh'];

/** What may be read by others: what an author writes to share. Nothing may be written by others. */
const SHARED = /^types(?:\/|$)/;

/** Modes of everything below a directory, by path; also of most that was there for a moment only. */
class Written implements Disposable {
  readonly modes = new Map<string, number>();
  readonly #root: string;
  readonly #watcher;

  constructor(root: string) {
    this.#root = root;
    this.#watcher = watch(root, { recursive: true }, (_, name) => void this.#note(join(root, name ?? '')));
  }

  /** Notes everything that is there now. */
  async look(): Promise<void> {
    const names = await readdir(this.#root, { recursive: true });
    for (const name of names) await this.#note(join(this.#root, name));
  }

  async #note(path: string): Promise<void> {
    // A temporary file may be gone.
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile() !== true && found?.isDirectory() !== true) return;
    this.modes.set(relative(this.#root, path), found.mode & 0o777);
  }

  /** What others may do more with than they should, and get at: a private directory hides what is in it. */
  exposed(): readonly string[] {
    const isPrivate = (path: string) => ((this.modes.get(path) ?? 0o777) & 0o077) === 0;
    const hides = (path: string): boolean => path !== '.' && (isPrivate(path) || hides(dirname(path)));
    return [...this.modes]
      .filter(([path, mode]) => (mode & (SHARED.test(path) ? 0o022 : 0o077)) !== 0 && !hides(dirname(path)))
      .map(([path, mode]) => `${path} ${mode.toString(8)}`);
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}

/** Where everything that commands write is looked for: the working directory, the home, the cache, the temporary files. */
async function openPlace(world: World) {
  const root = join(world.path, 'place');
  await mkdir(root, { mode: 0o777 });
  const env = { HOME: root, TMPDIR: root, XDG_CACHE_HOME: join(root, 'cache') };
  const args = (line: string) => [...line.split(' '), ...(line.includes('-c ') ? [] : ['-c', world.config])];
  return {
    root,
    run: (line: string): Promise<Ended> => runCli(args(line), { under: UNMASKED, cwd: root, env }),
    start: (line: string) => startCli(args(line), { under: UNMASKED, cwd: root, env }),
    plain: (line: string): Promise<Ended> => runCli(line.split(' '), { under: UNMASKED, cwd: root, env }),
  };
}

const COMMANDS = [
  'check',
  'once --deadline 5s',
  'preview console',
  'status --json',
  'gaps',
  'state list',
  'state show',
  'state export',
  'dead-letters list',
  'dead-letters export --destination siem',
  'dead-letters retry --destination siem',
  'backfill console --from 3h --to 2h',
  'replay --destination siem --from 1h',
  'source record okta --pages 1 --out recorded',
  'state reset console --yes',
];

it('with umask 000 nobody but its owner may read or write what any command writes, nor write what an author shares', async () => {
  await using world = await openWorld({ rows: 5 });
  await using okta = await serve(() => ({ status: 200, body: [] }), { clock: systemClock });
  const place = await openPlace(world);
  using written = new Written(place.root);
  const settings = {
    state: { path: join(place.root, 'state') },
    destinations: { siem: { endpoint: world.receiver.url } },
    log: { level: 'info' },
    sources: {
      console: world.blocks['console'],
      okta: { type: 'okta-system-log', base_url: okta.url, token: 'token-of-okta', schedule: 'every 1m' },
    },
  };
  await writeFile(world.config, stringify(settings));
  world.receiver.answer = refusing(() => true);

  const codes: Record<string, number | null> = {};
  for (const line of COMMANDS) codes[line] = (await place.run(line)).code;
  const daemon = place.start('run');
  await daemon.said('"Started."');
  await world.console.asked(world.console.requests.length + 1);
  await written.look();
  daemon.child.kill('SIGTERM');
  codes['run'] = (await daemon.ended).code;
  for (const line of ['source new acme --dir types', 'source test types/acme', 'sources', 'schema', 'demo'])
    codes[line] = (await place.plain(line)).code;
  await written.look();

  const undelivered = ['once --deadline 5s', 'backfill console --from 3h --to 2h'];
  const expected = Object.keys(codes).map((line) => [line, undelivered.includes(line) ? 4 : 0]);
  expect(codes).toEqual(Object.fromEntries(expected));
  const files = ['db', 'db-wal', 'db-shm', 'lock', 'last'].map((name) => `state/penstock.${name}`);
  expect([...written.modes.keys()]).toEqual(
    expect.arrayContaining([...files, 'recorded/recorded.yaml', 'types/acme/source.yaml', 'cache/penstock']),
  );
  expect(
    [...written.modes.keys()].filter((path) => /^penstock-demo-\w+\/state\/penstock\.db$/.test(path)),
  ).toHaveLength(1);
  expect(written.exposed()).toEqual([]);
});
