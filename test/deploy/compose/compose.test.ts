import { readFile } from 'node:fs/promises';
import { execPath } from 'node:process';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { IMAGE, podsSkipped } from '../support/pod.ts';
import { run, succeed } from '../support/run.ts';
import { tools } from '../support/tools.ts';
import { built } from '../../receivers/support/built.ts';
import { until } from '../../receivers/support/service.ts';
import { deadLetters, journaled } from '../../receivers/support/state.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { startDemoVendors } from '../../../src/simulators/demo.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import { COMPOSE_FILE, type ComposeProject, loadProject } from './support/project.ts';
import { type Program, type Stack, startStack } from './support/stack.ts';

const REPOSITORY = new URL('../../..', import.meta.url).pathname;

const { folders, skipped } = await tools('compose');
const receivers = await built('collector', 'victorialogs');
const unable = receivers.skipped || podsSkipped();

const PENSTOCK: Program = {
  entrypoint: [execPath, `${REPOSITORY}dist/main.js`],
  command: ['run'],
  files: IMAGE,
  user: 65_532,
};

/** What stands for the receivers' images, whose users these are. */
function receiver(program: string): Program {
  return { entrypoint: [program], files: [program], user: 10_001 };
}

type Settings = Readonly<Record<string, Record<string, unknown>>>;

async function settingsOf(file: string): Promise<Record<string, Settings>> {
  return parse(await readFile(file, 'utf8')) as Record<string, Settings>;
}

/** The file that a service has at a path, on this machine. */
function mounted(project: ComposeProject, service: string, target: string): string {
  const mount = project.services[service]?.volumes?.find((volume) => volume.target === target);
  if (mount === undefined) throw new Error(`${service} has nothing at ${target}`);
  return mount.source;
}

/** The ids of what VictoriaLogs holds, one for each entry. */
async function held(stack: Stack): Promise<string[]> {
  await stack.ask('http://127.0.0.1:9428/internal/force_flush');
  const query = new URLSearchParams({ query: '{service.name="penstock"} | fields log.record.uid' });
  const answer = await stack.ask(`http://127.0.0.1:9428/select/logsql/query?${query}`);
  const lines = answer.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as Record<string, string>)['log.record.uid'] ?? '');
}

/** Whether every source has had a complete sweep, and nothing else is amiss. */
async function isReady(stack: Stack): Promise<boolean> {
  const answer = await stack.ask('http://127.0.0.1:9464/readyz');
  return (JSON.parse(answer) as { status: string }).status === 'ready';
}

/** Whether what the journal held a moment ago is in VictoriaLogs. */
async function holdsAll(stack: Stack, state: string): Promise<boolean> {
  const events = await journaled(state);
  const there = new Set(await held(stack));
  return events.every(({ uid }) => there.has(uid));
}

describe.skipIf(skipped !== '')(`deploy/compose${skipped}`, () => {
  it('is a project that Compose loads, whose files are all in the tree', async () => {
    const project = await loadProject(folders.compose);

    const mounts = Object.values(project.services).flatMap(({ volumes = [] }) => volumes);
    const files = [
      ...mounts.flatMap(({ type, source }) => (type === 'bind' ? [source] : [])),
      ...Object.values(project.secrets).map(({ file }) => file),
    ];
    expect(files.length).toBeGreaterThan(2);
    const known = await run('git', ['ls-files', '--error-unmatch', ...files], { cwd: REPOSITORY });
    expect(known.stderr).toBe('');
    expect(
      mounts
        .filter(({ type }) => type === 'volume')
        .map(({ target }) => target)
        .toSorted(),
    ).toEqual(['/var/lib/penstock', '/victoria-logs-data']);
  });

  it('gives Penstock no rights and no place to write but its volume, and nobody outside this machine a port', async () => {
    const { services } = await loadProject(folders.compose);

    for (const name of ['penstock', 'simulators', 'collector', 'victorialogs'])
      expect(services[name], name).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports);
    expect(ports.map(({ target }) => target).toSorted()).toEqual([9428, 9464]);
    expect(new Set(ports.map(({ host_ip: address }) => address))).toEqual(new Set(['127.0.0.1']));
  });

  it('is refused by the loader with a key that Compose does not know', async () => {
    const text = await readFile(COMPOSE_FILE, 'utf8');

    const loading = succeed(`${folders.compose}/compose-load`, ['-'], {
      input: text.replace('read_only:', 'readonly:'),
    });

    await expect(loading).rejects.toThrow(/readonly/);
  });

  it('polls what `penstock simulate` serves', async () => {
    const project = await loadProject(folders.compose);
    const { sources } = await settingsOf(mounted(project, 'penstock', '/etc/penstock/penstock.yaml'));
    const token = (await readFile(project.secrets['simulators-token']!.file, 'utf8')).trim();
    const ended = new AbortController();
    const simulated = { clock: systemClock, random: seeded(1), signal: ended.signal };
    await using vendors = await startDemoVendors(simulated);
    ended.abort();

    // The hosts are the services' names here, and the token is in a file.
    const served = Object.entries(vendors.sources).map(([name, { token: _token, ...block }]) => {
      expect(_token).toBe(token);
      return [name, { ...block, base_url: expect.any(String), token_file: expect.any(String) }];
    });
    expect(sources).toEqual(Object.fromEntries(served));
  });

  it.skipIf(unable !== '')(`ships everything to VictoriaLogs, as it stands${unable}`, async () => {
    const project = await loadProject(folders.compose);
    await using stack = await startStack(project);
    const penstock = await stack.start('penstock', PENSTOCK);
    await stack.start('simulators', PENSTOCK);
    await stack.start('collector', receiver(`${receivers.folders.collector}/otelcol`));
    await stack.start('victorialogs', receiver(`${receivers.folders.victorialogs}/victoria-logs`));
    const state = `${stack.volume('state')}/state`;

    await until(() => isReady(stack).catch(() => false));
    await until(() => holdsAll(stack, state).catch(() => false));
    penstock.child.kill('SIGTERM');
    const { code, stderr } = await penstock.ended;

    expect(code, stderr).toBe(0);
    const events = await journaled(state);
    expect(new Set(events.map(({ event }) => event['event.dataset'])).size).toBe(5);
    expect((await held(stack)).toSorted()).toEqual(events.map(({ uid }) => uid).toSorted());
    expect(await deadLetters(state)).toEqual([]);
  });
});
