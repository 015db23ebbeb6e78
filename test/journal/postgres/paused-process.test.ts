import { describe, expect, it } from 'vitest';
import { startProgram } from '../../support/cli.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import { CONSOLE } from '../support/replicas.ts';
import { holdAll, SharedState, start } from '../support/shared-state.ts';

/** Milliseconds. */
const LEASE = 3_000;

/** Takes the console, writes, and waits for a signal before COMMIT. Says how the write ended. */
const WRITER = `
import { once } from 'node:events';
import { Secret } from './src/core/secret.ts';
import { Database } from './src/journal/postgres/database.ts';
import { HeldFence } from './src/journal/postgres/fence.ts';
import { PostgresLeases } from './src/journal/postgres/leases.ts';
const place = { ...JSON.parse(process.env.PLACE), url: new Secret(process.env.URL) };
let leases;
const database = new Database(place, (made) => {
  const log = { warn: ({ event }) => console.error('warned: ' + event.reason) };
  leases = new PostgresLeases({ database: made, version: 99, id: crypto.randomUUID(), name: 'paused', command: 'run', log });
  return new HeldFence(made, leases);
});
const subject = { kind: 'source', name: 'console' };
await leases.take([subject]);
const write = database.fenced(subject, async (transaction) => {
  await transaction.run("INSERT INTO penstock.state (subject, value) VALUES ('of the paused', '')");
  const awake = once(process, 'SIGUSR2');
  console.error('locked.');
  await awake;
});
console.error('ended: ' + (await write.then(() => 'written', (error) => error.name)));
process.exit(0);
`;

describe.skipIf(NO_POSTGRES)('a process that is stopped between a statement and COMMIT', () => {
  it('blocks its rows for less than half a lease, loses its lease, and commits nothing when it goes on', async () => {
    await using state = await SharedState.make({ lease: LEASE });
    const other = await state.open('other');
    await other.leases.release(await start(other));
    const { url, ...place } = state.place;
    const cwd = new URL('../../..', import.meta.url).pathname;
    const paused = startProgram([process.execPath, '--input-type=module-typescript', '--eval', WRITER], {
      cwd,
      env: { URL: url.reveal(), PLACE: JSON.stringify(place) },
    });
    await paused.said('locked.');
    paused.child.kill('SIGSTOP');
    const stopped = performance.now();

    expect(await other.leases.take([CONSOLE])).toEqual([]);
    // Waits for the lock.
    await state.query("SELECT 1 FROM lease WHERE kind = 'source' AND name = 'console' FOR UPDATE");
    const blocked = performance.now() - stopped;
    await expect
      .poll(async () => (await other.leases.take([CONSOLE])).length, { timeout: 4 * LEASE, interval: 50 })
      .toBe(1);
    const taken = performance.now() - stopped;
    await other.sources.setNextDue('console', 50);
    const before = await state.contents();
    paused.child.kill('SIGUSR2');
    paused.child.kill('SIGCONT');
    const { code, stderr } = await paused.ended;

    expect(code).toBe(0);
    expect(stderr).toMatch(/ended: (LeaseLostError|JournalWriteError)/);
    expect(stderr.match(/warned: /g)).toHaveLength(1);
    expect(await state.contents()).toEqual(before);
    expect(blocked).toBeLessThan(LEASE / 2 + 1_000);
    expect(taken).toBeLessThan(2 * LEASE);
    await expect(holdAll(other, [CONSOLE])).rejects.toThrow('Not all are free.');
  });
});
