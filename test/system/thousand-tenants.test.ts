import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { startCli, workspace } from '../support/cli.ts';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { drawTenants } from '../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../src/simulators/petra.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TENANTS = 1_000;
const MOST_MEBIBYTES = 200;
const PLENTY = 1_000_000;
const TOKEN = 'token-of-the-thousand-tenants';

/** The most memory that a process has had resident, in MiB (proc(5), VmHWM). */
async function peakMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

it(`${TENANTS} tenants in one process stay under ${MOST_MEBIBYTES} MiB`, async () => {
  const random = seeded(21);
  await using petra = await startPetra({
    clock: systemClock,
    random,
    token: TOKEN,
    tenants: drawTenants(random, TENANTS),
    incidentsPerDay: 0,
    limits: { tenants: PLENTY, 'failed-attacks': PLENTY },
  });
  await using receiver = await startReceiver({ clock: systemClock });
  await using space = await workspace(
    (path) => `
state: { path: ${path}/state }
destinations: { siem: { endpoint: ${receiver.url} } }
sources:
  attacks:
    type: petra-failed-attacks
    base_url: ${petra.url}
    token: ${TOKEN}
    initial_lookback: 1d
    intraday_interval: null
    quota: { requests: ${PLENTY}, per: 1m }
    schedule: every 1h
`,
  );
  const { child, ended } = startCli(['run', '-c', space.config]);
  const tenantsOf = () =>
    new Set(receiver.received().map(({ record }) => record.attributes['organization.id'])).size;

  await receiver.until(TENANTS);
  await receiver.until(() => tenantsOf() === TENANTS);
  const peak = await peakMemory(child.pid);
  child.kill('SIGTERM');
  const { code, stderr } = await ended;

  expect(code, stderr).toBe(0);
  expect(peak).toBeLessThan(MOST_MEBIBYTES);
});
