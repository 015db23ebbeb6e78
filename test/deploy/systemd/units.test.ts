import { chmod, readdir, readFile, symlink } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { startProgram } from '../../support/cli.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const UNITS = new URL('../../../deploy/systemd/', import.meta.url).pathname;
const MAIN = new URL('../../../dist/main.js', import.meta.url).pathname;
const SERVICES = ['penstock.service', 'penstock-once.service'];

/** Who a service is in these tests; any that is not root. */
const NOBODY = ['setpriv', '--reuid=65532', '--regid=65532', '--clear-groups'];

const skipped = await reasonToSkip();

async function reasonToSkip(): Promise<string> {
  const tools = ['systemd-analyze', 'strace', 'unshare', 'setpriv'];
  const { code } = await startProgram(['sh', '-c', `type ${tools.join(' ')}`]).ended;
  if (code === 0 && process.getuid?.() === 0) return '';
  const reason = `it takes root and ${tools.join(', ')}`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  return `, skipped: ${reason}`;
}

/** Every value of a setting in a unit's [Service] section, in order. */
async function settings(unit: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const [, section = ''] = (await readFile(UNITS + unit, 'utf8')).split('[Service]\n');
  const lines = section.split('\n[')[0]!.split('\n');
  const pairs = lines.flatMap((line) => (/^[A-Z]/.test(line) ? [line.split(/=(.*)/s, 2)] : []));
  return new Map(
    Map.groupBy(pairs, ([name = '']) => name)
      .entries()
      .map(([name, of]) => [name, of.map((pair) => pair[1] ?? '')]),
  );
}

/** The system calls of systemd's sets, sets in sets resolved. */
async function callsOf(sets: readonly string[]): Promise<ReadonlySet<string>> {
  if (sets.length === 0) return new Set();
  const { stdout } = await startProgram(['systemd-analyze', 'syscall-filter', '--no-pager', ...sets]).ended;
  const names = [...stdout.matchAll(/^ {4}([@a-z]\S*)$/gm)].map(([, name = '']) => name);
  const inner = await callsOf(names.filter((name) => name.startsWith('@')));
  return inner.union(new Set(names));
}

describe('both services', () => {
  it('run in the same sandbox', async () => {
    const [daemon, once] = await Promise.all(SERVICES.map(settings));

    const differing = new Set(
      [...daemon!.keys(), ...once!.keys()].filter(
        (name) => String(daemon!.get(name)) !== String(once!.get(name)),
      ),
    );

    expect([...differing].toSorted()).toEqual([
      'ExecReload',
      'ExecStart',
      'Restart',
      'RestartPreventExitStatus',
      'RestartSec',
      'TimeoutStartSec',
      'TimeoutStopSec',
      'Type',
    ]);
  });
});

describe.skipIf(skipped !== '')(`systemd${skipped}`, () => {
  it('finds nothing wrong with the units', async () => {
    await using bin = await temporaryDirectory();
    await symlink(MAIN, `${bin.path}/penstock`);
    await chmod(bin.path, 0o755);
    const units = (await readdir(UNITS)).filter((name) => /\.(service|timer)$/.test(name));

    // Where an installation puts the program, for this process alone.
    const script = `mount --bind "$0" /usr/local/bin && exec systemd-analyze verify --man=no "$@"`;
    const { code, stdout, stderr } = await startProgram([
      'unshare',
      '--mount',
      'sh',
      '-c',
      script,
      bin.path,
      ...units.map((name) => UNITS + name),
    ]).ended;

    expect(units.toSorted()).toEqual(['penstock-once.service', 'penstock-once.timer', 'penstock.service']);
    expect([code, stdout + stderr]).toEqual([0, '']);
  });

  it.each(SERVICES)('rates %s as exposed to less than 2 of 10', async (unit) => {
    const { code, stdout, stderr } = await startProgram([
      'systemd-analyze',
      'security',
      '--offline=true',
      '--no-pager',
      '--threshold=20',
      UNITS + unit,
    ]).ended;

    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/Overall exposure level for penstock(-once)?\.service: [01]\.\d/);
  });

  it('lets every system call through that the program makes', async () => {
    await using space = await temporaryDirectory();
    await chmod(space.path, 0o777);
    const trace = `${space.path}/trace`;
    const filter = (await settings('penstock.service')).get('SystemCallFilter') ?? [];
    const sets = (marked: boolean) =>
      filter
        .filter((set) => set.startsWith('~') === marked)
        .flatMap((set) => set.replace('~', '').split(' '));
    const allowed = (await callsOf(sets(false))).difference(await callsOf(sets(true)));

    const demo = [process.execPath, MAIN, 'demo'];
    const { code, stderr } = await startProgram([...NOBODY, 'strace', '-f', '-qq', '-o', trace, ...demo], {
      env: { TMPDIR: space.path },
    }).ended;

    expect(code, stderr).toBe(0);
    const calls = (await readFile(trace, 'utf8')).matchAll(
      /^\d+ +(?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed)/gm,
    );
    const made = new Set([...calls].map(([, name = '']) => name));
    expect(made.size).toBeGreaterThan(20);
    expect([...made.difference(allowed)]).toEqual([]);
  });
});
