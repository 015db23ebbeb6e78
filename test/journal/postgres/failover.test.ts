import { rename } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { LeaseLostError } from '../../../src/journal/journal.ts';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import { readableLog } from '../../http/support/rig.ts';
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { runAsServer } from '../../support/server-process.ts';
import { held, page, records, STREAM } from '../support/commits.ts';
import { placeAt } from '../support/databases.ts';
import { CONSOLE, CONTENT, SIEM } from '../support/replicas.ts';
import { start } from '../support/shared-state.ts';

const OTHER = { ...STREAM, source: 'other', scope: 'other' };

async function replicaOf(server: PostgresServer, replica: string) {
  const { log, lines } = readableLog();
  const place = placeAt(server.url(), { lease: 60_000 });
  const options = { clock: systemClock, log, command: 'run', maxBytes: 2 ** 31, retain: 0 };
  const journal = await openPostgres({ ...options, place, replica, fencing: 'held' });
  const { leases } = journal;
  if (leases === undefined) throw new Error('It shares the state.');
  return Object.assign(journal, { leases, lines });
}

/** The directory that a server keeps its data in. */
async function directoryOf(server: PostgresServer): Promise<string> {
  const [row] = await server.query<{ directory: string }>(
    "SELECT current_setting('data_directory') AS directory",
  );
  return row?.directory ?? '';
}

describe.skipIf(NO_POSTGRES)('a failover to a database that is behind', () => {
  it('skips nothing: what was lost is noticed by every writer, and the log says what to do', async () => {
    await using server = await startPostgres();
    const directory = await directoryOf(server);
    await using own = await replicaOf(server, 'own');
    const holds = await start(own);
    await own.commit(page({ records: records(1, 'kept'), cursor: { next: 1 } }));
    await server.stop('fast');
    await runAsServer('cp', ['-a', directory, `${directory}-behind`]);
    await server.restart();

    // What the standby lacks: a page, which is sent from memory while the database fails over.
    await expect
      .poll(() => own.commit(page({ records: records(2, 'lost'), cursor: { next: 2 } })).catch(() => 'again'))
      .toBeUndefined();
    const sent = await own.pages.read({ sequence: 2, offset: 0 });
    await server.stop('immediate');
    await rename(directory, `${directory}-old`);
    await rename(`${directory}-behind`, directory);
    await server.restart();
    await using other = await replicaOf(server, 'other');
    await other.sources.open([STREAM, OTHER].map((one) => ({ ...one, name: one.source })));
    await other.leases.take([{ kind: 'source', name: 'other' }]);
    const stream = await other.streams.open(OTHER);
    await other.commit({
      stream: stream.key,
      source: 'other',
      observedAt: 1,
      records: records(2, 'of the other'),
    });

    const acknowledged = () =>
      own.acknowledge('siem', { position: { sequence: 2, offset: 2 }, response: '200', now: 1 });
    await expect.poll(() => acknowledged().catch((error: Error) => error)).toBeInstanceOf(LeaseLostError);

    expect(sent?.count).toBe(2);
    expect(holds.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(own.lines.filter(({ level }) => level === 50)).toMatchObject([
      {
        event: { reason: 'a page that was sent is missing' },
        msg: expect.stringMatching(
          /^The database is behind what this process has seen: .* synchronous_standby_names/,
        ),
      },
    ]);
    expect(own.lines.filter(({ level }) => level === 40)).toMatchObject([
      { penstock: { sources: ['console'], destinations: ['siem'] } },
    ]);
    // The next hold goes on from what the database has.
    await own.leases.release(holds);
    await own.leases.renew(CONTENT);
    expect(await own.leases.take([CONSOLE, SIEM])).toHaveLength(2);
    expect((await own.streams.open(STREAM)).cursor).toEqual({ next: 1 });
    expect(await own.destinations.all()).toMatchObject([{ position: { sequence: 0, offset: 0 } }]);
    expect(await held(own)).toEqual(['kept-0', 'of the other-0', 'of the other-1']);
  });
});
