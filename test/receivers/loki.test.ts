import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/clock.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { runCli, workspace } from '../support/cli.ts';
import { built } from './support/built.ts';
import { startCollector } from './support/collector.ts';
import { startDeadlyProxy } from './support/deadly-proxy.ts';
import { type Loki, startLoki } from './support/loki.ts';
import { deadLetters, journaled } from './support/state.ts';

const TOKEN = 'token-of-the-loki-test';
const FRESH = 1_500;
const OLD = 40;
const MINUTE = 60_000;
const DAY = 86_400_000;

function configuration(vendor: 'qradar' | 'jsa', baseUrl: string, endpoint: string, folder: string): string {
  return stringify({
    state: { path: `${folder}/state` },
    destinations: { loki: { endpoint, max_request_bytes: 262_144 } },
    sources: {
      console: {
        type: `${vendor}-login-attempts`,
        base_url: baseUrl,
        token: TOKEN,
        schedule: 'every 1m',
        settle: '0s',
        initial_lookback: '10d',
        slice: '10d',
      },
    },
  });
}

const { folders, skipped } = await built('loki', 'collector');

describe.skipIf(skipped !== '')(`Penstock → Loki${skipped}`, () => {
  let loki: Loki;
  beforeAll(async () => {
    loki = await startLoki(folders.loki);
  });
  afterAll(() => loki[Symbol.asyncDispose]());

  it('holds every fresh event once, though killed after sending; those too old are in the dead letters alone', async () => {
    const random = seeded(7);
    const now = Date.now();
    const fresh = { from: now - 30 * MINUTE, to: now - MINUTE };
    // Loki's default is seven days.
    const old = { from: now - 9 * DAY, to: now - 8 * DAY };
    const rows = [
      ...loginAttempts({ random, count: OLD, ...old }),
      ...loginAttempts({ random, count: FRESH, ...fresh }),
    ];
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows });
    await using proxy = await startDeadlyProxy(loki.url);
    await using space = await workspace((folder) =>
      configuration('qradar', console.url, `${proxy.url}/otlp`, folder),
    );
    const once = ['once', '-c', space.config];

    await proxy.kill(once, 2);
    await proxy.kill(once, 3);
    const { code, stderr } = await runCli(once);

    expect(code, stderr).toBe(0);
    const events = await journaled(`${space.path}/state`);
    const isOld = (at: unknown) => Date.parse(String(at)) < old.to;
    const [aged, young] = [
      events.filter(({ event }) => isOld(event['@timestamp'])),
      events.filter(({ event }) => !isOld(event['@timestamp'])),
    ];
    expect([aged.length, young.length]).toEqual([OLD, FRESH]);
    const entries = await loki.query('{service_namespace="qradar.login_attempts"}', {
      from: old.from,
      to: now,
    });
    expect(entries.map(({ labels }) => labels['log_record_uid']).toSorted()).toEqual(
      young.map(({ uid }) => uid).toSorted(),
    );
    const failed = young.filter(({ event }) => event['event.outcome'] === 'failure');
    const found = await loki.query(
      '{service_namespace="qradar.login_attempts"} | event_outcome="failure"',
      fresh,
    );
    expect(found).toHaveLength(failed.length);
    const letters = await deadLetters(`${space.path}/state`);
    expect(letters.map(({ uid }) => uid).toSorted()).toEqual(aged.map(({ uid }) => uid).toSorted());
    expect(letters.filter(({ reason }) => !/too old/.test(reason))).toEqual([]);
  });

  it('holds every fresh event once that a Collector passed on, and Penstock hears which are too old', async () => {
    const random = seeded(8);
    const now = Date.now();
    const fresh = { from: now - 30 * MINUTE, to: now - MINUTE };
    const rows = [
      ...loginAttempts({ random, count: 3, from: now - 9 * DAY, to: now - 8 * DAY }),
      ...loginAttempts({ random, count: 500, ...fresh }),
    ];
    await using console = await startConsole({ clock: systemClock, vendor: 'jsa', token: TOKEN, rows });
    await using collector = await startCollector(folders.collector, 'loki', { env: { LOKI_URL: loki.url } });
    await using space = await workspace((folder) => configuration('jsa', console.url, collector.url, folder));

    const { code, stderr } = await runCli(['once', '-c', space.config]);

    expect(code, stderr).toBe(0);
    const uids = (await journaled(`${space.path}/state`)).map(({ uid }) => uid);
    expect(uids).toHaveLength(rows.length);
    const letters = await deadLetters(`${space.path}/state`);
    expect(letters.map(({ uid }) => uid)).toEqual(uids.slice(0, 3));
    const entries = await loki.query('{service_namespace="jsa.login_attempts"}', fresh);
    expect(entries.map(({ labels }) => labels['log_record_uid']).toSorted()).toEqual(
      uids.slice(3).toSorted(),
    );
  });
});
