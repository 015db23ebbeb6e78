import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { serve } from '../../src/simulators/server.ts';
import { type Running, startCli, workspace } from '../support/cli.ts';

const ROWS = 100_000;
/** Just below the default of `max_response_bytes`, 64 MiB. */
const BYTES = 63 * 1_048_576;
/** How long a probe of an orchestrator waits for `/livez`. Milliseconds. */
const PROBE = 3_000;

const start = Date.now() - 600_000;
const body = Buffer.from(`[${Array.from({ length: ROWS }, (_, number) => row(number)).join(',')}]`);

/** A row with a member that is not shipped, so that the receiver's share of the test stays small. */
function row(number: number): string {
  const shipped = `"attempt_time":${start + number},"user_id":${number},"remote_ip":"192.0.2.7","attempt_result":"SUCCESS"`;
  return `{${shipped},"note":"${'x'.repeat(BYTES / ROWS - shipped.length - 20)}"}`;
}

const CODINGS: Readonly<Record<string, Buffer>> = {
  identity: body,
  gzip: gzipSync(body),
  br: brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
};

it.each(Object.keys(CODINGS))(
  'every row of an answer of 63 MiB arrives once (%s), and /livez answers while it is read',
  async (coding) => {
    let sent = false;
    await using vendor = await serve(
      ({ path }) => {
        if (sent || path !== '/api/access/login_attempts') return { status: 200, body: '[]' };
        sent = true;
        return { status: 200, headers: { 'content-encoding': coding }, body: CODINGS[coding] };
      },
      { clock: systemClock },
    );
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace(
      (path) => `
state: { path: ${path}/state }
admin: { listen: 127.0.0.1:0 }
destinations: { siem: { endpoint: "${receiver.url}" } }
sources:
  console: { type: qradar-login-attempts, base_url: "${vendor.url}", token: a-token-of-the-test, settle: 0s,
    initial_lookback: 1h, page_size: ${ROWS}, resolve_users: false, schedule: every 1h }
`,
    );
    const daemon = startCli(['run', '-c', space.config]);
    try {
      const arrived = new AbortController();
      const looked = probes(daemon, arrived.signal);
      await Promise.race([receiver.until(ROWS), looked]);
      arrived.abort();

      const statuses = await looked;
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(statuses.length).toBeGreaterThan(10);
      expect(receiver.ids().size).toBe(ROWS);
      expect(receiver.received()).toHaveLength(ROWS);
    } finally {
      daemon.child.kill('SIGKILL');
      await daemon.ended;
    }
  },
);

/** Asks for `/livez` again and again until the signal aborts. Rejects when a probe waits too long. */
async function probes(daemon: Running, signal: AbortSignal): Promise<number[]> {
  await daemon.said('Admin endpoint listening.');
  const port = /"port":(\d+)/.exec(daemon.stderr())?.[1];
  const statuses: number[] = [];
  while (!signal.aborted) {
    const response = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(PROBE) });
    statuses.push(response.status);
    await response.text();
    await sleep(50);
  }
  return statuses;
}
