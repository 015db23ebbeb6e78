import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { serve } from '../../src/simulators/server.ts';
import { openStage } from './lives.ts';
import { SUBJECTS } from './subjects.ts';

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace && process.env['CI'] === 'true') throw new Error('strace is missing: apt-get install strace');

/** Addresses that a trace connects to; sockets of this machine's own services (AF_UNIX) are none. */
function connected(trace: string): ReadonlySet<string> {
  const calls = trace.matchAll(
    /connect\(\d+, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?"([\d.:a-f]+)"/g,
  );
  return new Set([...calls].map(([, port, host]) => `${host}:${port}`));
}

describe.skipIf(!hasStrace)('under strace', () => {
  it('no source connects to another address than those of the configuration, also when it is sent to one', async () => {
    await using foreign = await serve(() => ({ status: 200, body: [] }), { clock: systemClock });
    await using stage = await openStage(SUBJECTS, { random: seeded(1), source: { retries: 1 } });
    const away = { location: `${foreign.url}/elsewhere`, link: `<${foreign.url}/next>; rel="next"` };
    for (const { simulator } of stage.vendors)
      simulator.script.push({ status: 302, headers: away }, { status: 307, headers: away }, undefined);
    const trace = join(stage.directory, 'trace');

    for (let pass = 0; pass < 8 && (pass < 3 || stage.compare().lost > 0); pass += 1)
      await stage.start(['once'], {
        under: ['strace', '-f', '-qq', '-A', '-e', 'trace=connect', '-o', trace],
      }).ended;

    const configured = [stage.receiver, ...stage.vendors.map(({ simulator }) => simulator)];
    const addresses = connected(await readFile(trace, 'utf8'));
    expect(addresses).toEqual(new Set(configured.map(({ url }) => url.replace('http://', ''))));
    expect(foreign.requests).toEqual([]);
    expect(stage.compare()).toEqual({ lost: 0, asNew: 0 });
  });
});
