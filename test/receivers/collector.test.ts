import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { decode, type ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { runCli, startCli, workspace } from '../support/cli.ts';
import { arrivedEvent } from '../support/truth.ts';
import { built } from './support/built.ts';
import { CONFIGURATIONS, startCollector, validate } from './support/collector.ts';
import { freePort, until } from './support/service.ts';
import { journaled } from './support/state.ts';

const TOKEN = 'token-of-the-receiver-tests';
const COUNT = 3_000;
const HOUR = 3_600_000;

function console(): Promise<SimulatedConsole> {
  const now = Date.now();
  const rows = loginAttempts({ random: seeded(5), count: COUNT, from: now - HOUR, to: now - 60_000 });
  return startConsole({ clock: systemClock, token: TOKEN, rows });
}

/** Endpoints by name; requests so small that there are many. */
function configuration(baseUrl: string, endpoints: Readonly<Record<string, string>>, folder: string): string {
  const destinations = Object.entries(endpoints).map(
    ([name, endpoint]) => [name, { endpoint, timeout: '5s', max_request_bytes: 65_536 }] as const,
  );
  return stringify({
    state: { path: `${folder}/state` },
    destinations: Object.fromEntries(destinations),
    sources: {
      console: {
        type: 'qradar-login-attempts',
        base_url: baseUrl,
        token: TOKEN,
        schedule: 'every 1s',
        settle: '0s',
        initial_lookback: '3h',
      },
    },
  });
}

/** What the file exporter wrote: a request a line. */
async function written(file: string): Promise<ReceivedRecord[]> {
  if (!existsSync(file)) return [];
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return lines.flatMap((line) => (line === '' ? [] : decode(Buffer.from(line), 'json')));
}

/** Ids and events, in order. */
function eventsOf(records: readonly ReceivedRecord[]) {
  return records.map((record) => ({ uid: record.uid, event: arrivedEvent(record) }));
}

const { folders, skipped } = await built('collector');

describe.skipIf(skipped !== '')(`Penstock → Collector${skipped}`, () => {
  it.each(CONFIGURATIONS)('%s.yaml is a configuration that it takes', async (name) => {
    expect(await validate(folders.collector, name)).toBe('');
  });

  it('writes to a file, record for record, what the journal held', async () => {
    await using source = await console();
    await using space = await workspace();
    const file = `${space.path}/events.jsonl`;
    await using receiver = await startCollector(folders.collector, 'file', { env: { LOGS_FILE: file } });
    await using run = await workspace(() => configuration(source.url, { archive: receiver.url }, space.path));

    const { code, stderr } = await runCli(['once', '-c', run.config]);

    expect(code, stderr).toBe(0);
    const events = await journaled(`${space.path}/state`);
    expect(events).toHaveLength(COUNT);
    expect(eventsOf(await written(file))).toEqual(events);
  });

  it('leaves two destinations with everything, once each, though one is dead for the whole run', async () => {
    await using source = await console();
    await using space = await workspace();
    const files = { alive: `${space.path}/alive.jsonl`, dead: `${space.path}/dead.jsonl` };
    const port = await freePort();
    await using alive = await startCollector(folders.collector, 'file', { env: { LOGS_FILE: files.alive } });
    await using run = await workspace(() =>
      configuration(source.url, { alive: alive.url, dead: `http://127.0.0.1:${port}` }, space.path),
    );
    const daemon = startCli(['run', '-c', run.config]);
    await until(async () => (await written(files.alive)).length >= COUNT);
    daemon.child.kill('SIGTERM');
    const stopped = await daemon.ended;
    await using _mended = await startCollector(folders.collector, 'file', {
      env: { LOGS_FILE: files.dead },
      port,
    });

    const { code, stderr } = await runCli(['once', '-c', run.config]);

    expect(stopped.code, stopped.stderr).toBe(0);
    expect(code, stderr).toBe(0);
    const events = await journaled(`${space.path}/state`);
    expect(events).toHaveLength(COUNT);
    expect(eventsOf(await written(files.alive))).toEqual(events);
    expect(eventsOf(await written(files.dead))).toEqual(events);
  });
});
