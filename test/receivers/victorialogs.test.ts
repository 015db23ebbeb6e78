import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { runCli, workspace } from '../support/cli.ts';
import { built } from './support/built.ts';
import { startCollector } from './support/collector.ts';
import { startDeadlyProxy } from './support/deadly-proxy.ts';
import { deadLetters, journaled } from './support/state.ts';
import { startVictoriaLogs, type VictoriaLogs } from './support/victorialogs.ts';

const TOKEN = 'token-of-the-victorialogs-test';
const COUNT = 1_500;
const HOUR = 3_600_000;

type Vendor = 'qradar' | 'jsa';

function configuration(vendor: Vendor, baseUrl: string, destination: object, folder: string): string {
  return stringify({
    state: { path: `${folder}/state` },
    destinations: { logs: destination },
    sources: {
      console: {
        type: `${vendor}-login-attempts`,
        base_url: baseUrl,
        token: TOKEN,
        settle: '0s',
        initial_lookback: '3h',
      },
    },
  });
}

function startVendor(vendor: Vendor, count: number): Promise<SimulatedConsole> {
  const now = Date.now();
  const rows = loginAttempts({ random: seeded(7), count, from: now - HOUR, to: now - 60_000 });
  return startConsole({ clock: systemClock, vendor, token: TOKEN, rows });
}

const { folders, skipped } = await built('victorialogs', 'collector');

describe.skipIf(skipped !== '')(`Penstock → VictoriaLogs${skipped}`, () => {
  let victoriaLogs: VictoriaLogs;
  beforeAll(async () => {
    victoriaLogs = await startVictoriaLogs(folders.victorialogs);
  });
  afterAll(() => victoriaLogs[Symbol.asyncDispose]());

  it('holds every event under its own id, and repeats after lost answers that are identical', async () => {
    await using console = await startVendor('qradar', COUNT);
    await using proxy = await startDeadlyProxy(victoriaLogs.url);
    await using space = await workspace((folder) =>
      configuration(
        'qradar',
        console.url,
        { endpoint: `${proxy.url}/insert/opentelemetry`, max_request_bytes: 262_144 },
        folder,
      ),
    );
    const once = ['once', '-c', space.config];

    // VictoriaLogs has stored these requests, and Penstock dies before it hears so.
    await proxy.kill(once, 2);
    await proxy.kill(once, 3);
    const { code, stderr } = await runCli(once);

    expect(code, stderr).toBe(0);
    const events = await journaled(`${space.path}/state`);
    expect(events).toHaveLength(COUNT);
    const found = await victoriaLogs.query('event.dataset:="qradar.login_attempts"');
    const byId = Map.groupBy(found, (record) => record['log.record.uid']);
    expect([...byId.keys()].toSorted()).toEqual(events.map(({ uid }) => uid).toSorted());
    expect(found.length).toBeGreaterThan(COUNT);
    for (const [uid, records] of byId)
      expect(new Set(records.map((one) => JSON.stringify(one))), uid).toHaveLength(1);
    const failed = events.filter(({ event }) => event['event.outcome'] === 'failure');
    expect(
      await victoriaLogs.query(
        'event.dataset:="qradar.login_attempts" event.outcome:="failure" | stats count_uniq(log.record.uid) as attempts',
      ),
    ).toEqual([{ attempts: String(failed.length) }]);
    expect(await deadLetters(`${space.path}/state`)).toEqual([]);
  });

  it('holds every event once that a Collector passed on, the message as the line, ECS names as they are', async () => {
    await using console = await startVendor('jsa', 500);
    await using collector = await startCollector(folders.collector, 'victorialogs', {
      env: { VICTORIALOGS_URL: victoriaLogs.url },
    });
    await using space = await workspace((folder) =>
      configuration('jsa', console.url, { endpoint: collector.url }, folder),
    );

    const { code, stderr } = await runCli(['once', '-c', space.config]);

    expect(code, stderr).toBe(0);
    const events = await journaled(`${space.path}/state`);
    const found = await victoriaLogs.query('{service.namespace="jsa.login_attempts"}');
    expect(
      found.map((record) => [record['log.record.uid'], record['_msg'], record['source.address']]).toSorted(),
    ).toEqual(events.map(({ uid, event }) => [uid, event['message'], event['source.address']]).toSorted());
  });

  it('takes no JSON: the destination pauses, says so, and keeps everything', async () => {
    await using console = await startVendor('qradar', 20);
    await using space = await workspace((folder) =>
      configuration(
        'qradar',
        console.url,
        { endpoint: `${victoriaLogs.url}/insert/opentelemetry`, protocol: 'http/json' },
        folder,
      ),
    );

    const { code, stderr } = await runCli(['once', '--deadline', '20s', '-c', space.config]);

    expect(code).toBe(4);
    expect(stderr).toContain('json');
    expect(await deadLetters(`${space.path}/state`)).toEqual([]);
  });
});
