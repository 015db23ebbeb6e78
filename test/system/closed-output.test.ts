import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver, type Receiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { runCli, startCli, workspace } from '../support/cli.ts';

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;
const HOUR = 3_600_000;

let opened: AsyncDisposableStack;
let console: SimulatedConsole;
let receiver: Receiver;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  console = opened.use(
    await startConsole({ clock: systemClock, token: 'token-of-the-console', rows: attempts(20, 1) }),
  );
  receiver = opened.use(await startReceiver({ clock: systemClock }));
});

afterEach(() => opened.disposeAsync());

function attempts(count: number, seed: number) {
  const now = Date.now();
  return loginAttempts({ random: seeded(seed), count, from: now - HOUR, to: now - 120_000 });
}

async function configured(more: object = {}): Promise<string> {
  const space = opened.use(
    await workspace((path) =>
      stringify({
        state: { path: `${path}/state` },
        destinations: { siem: { endpoint: receiver.url } },
        sources: {
          console: {
            type: 'qradar-login-attempts',
            base_url: console.url,
            token: 'token-of-the-console',
            schedule: 'every 1s',
            overlap: '2h',
          },
        },
        log: { level: 'debug' },
        ...more,
      }),
    ),
  );
  return space.config;
}

it('a daemon goes on when the reader of its log is gone, and counts what it cannot log', async () => {
  const config = await configured({ admin: { listen: '127.0.0.1:0' } });
  const running = startCli(['run', '-c', config]);
  await running.said('Admin endpoint listening.');
  const port = /"server":\{[^}]*"port":(\d+)/.exec(running.stderr())?.[1];
  running.child.stderr?.destroy();
  await receiver.until(20);

  console.add(attempts(5, 2));
  await receiver.until(25);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  running.child.kill('SIGTERM');
  const [code] = await once(running.child, 'exit');

  expect(Number(/^penstock_log_lines_lost_total (\d+)/m.exec(metrics)?.[1])).toBeGreaterThan(0);
  expect(code).toBe(0);
});

it.each(['sources', 'schema', 'preview console', 'status --watch'])(
  'penstock %s ends quietly when nobody reads its output any more',
  async (line) => {
    const config = await configured({ log: { level: 'warn' } });
    // Of an empty state, `status` says so on stderr.
    if (line.startsWith('status')) await runCli(['once', '-c', config]);
    const flags = line === 'sources' || line === 'schema' ? '' : `-c ${config}`;
    const command = `{ "${process.execPath}" "${MAIN}" ${line} ${flags}; echo "exit $?" >&2; } | true`;

    const { stderr } = await promisify(execFile)('bash', ['-c', command]);

    expect(stderr).toBe('exit 0\n');
  },
);
