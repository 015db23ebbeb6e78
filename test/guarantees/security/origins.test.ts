import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { startProgram } from '../../support/cli.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import type { OriginsTraced } from './origins-trace.ts';

const TRACE = new URL('origins-trace.ts', import.meta.url).pathname;

/** Runs a program where there is no network but a loopback of its own: whatever else it connects to, the kernel refuses. */
const WITHOUT_NETWORK = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

/** Why this cannot be shown here; undefined where it can. */
const MISSING = missing();

function missing(): string | undefined {
  const [program, ...args] = [...WITHOUT_NETWORK, 'strace', '-V'];
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  const reason = `needs root, and strace and ip (apt-get install strace iproute2): ${stderr?.trim()}`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stderr.write(`tests are skipped: ${reason}\n`);
  return reason;
}

describe.skipIf(MISSING)('without a network, under strace', () => {
  it.each(NO_POSTGRES === undefined ? ['SQLite', 'PostgreSQL'] : ['SQLite'])(
    'nothing is connected to but what the configuration names, whoever leads elsewhere, with the state on %s',
    async (journal) => {
      const program = [...WITHOUT_NETWORK, process.execPath, TRACE, journal];
      const { code, stdout, stderr } = await startProgram(program).ended;
      expect(code, stderr).toBe(0);
      const { reached, configured, ...rest } = JSON.parse(stdout) as OriginsTraced;

      expect(reached).toEqual(configured);
      expect(rest).toEqual({
        outside: 'ENETUNREACH',
        elsewhere: 0,
        refused: ['url-elsewhere', 'link-elsewhere'],
        lost: 0,
        asNew: 0,
      });
    },
  );
});
