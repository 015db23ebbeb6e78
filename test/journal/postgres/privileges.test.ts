import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { prepare } from '../../../src/journal/postgres/migrate.ts';
import { openPostgres, openPostgresBeside } from '../../../src/journal/postgres/open.ts';
import { MIGRATIONS } from '../../../src/journal/postgres/schema.ts';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { letters, page, records, STREAM } from '../support/commits.ts';
import { connect, placeAt } from '../support/databases.ts';
import { CONSOLE, CONTENT, SIEM } from '../support/replicas.ts';

/** As docs/replicas.md lists them. */
const GRANTS = [
  'GRANT USAGE ON SCHEMA penstock TO runner',
  'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA penstock TO runner',
];

describe.skipIf(NO_POSTGRES)('a role with few rights', () => {
  test('runs a replica on tables that another role has made, and reads with less', async () => {
    await using server = await startPostgres();
    for (const role of ['owner', 'runner', 'reader']) await server.query(`CREATE ROLE ${role} LOGIN`);
    await server.query('CREATE SCHEMA penstock AUTHORIZATION owner');
    await using owner = connect(placeAt(server.url({ user: 'owner' })));
    await prepare(owner, MIGRATIONS);
    const settings = {
      clock: systemClock,
      maxBytes: 2 ** 31,
      retain: 0,
      fencing: 'held',
      command: 'run',
    } as const;
    const place = placeAt(server.url({ user: 'runner' }));

    await expect(openPostgres({ ...settings, place })).rejects.toThrow('Role runner may not use the state');
    for (const grant of GRANTS) await server.query(grant);
    await using journal = await openPostgres({ ...settings, place });
    await journal.leases?.renew(CONTENT);
    const holds = await journal.leases?.take([CONSOLE, SIEM]);
    await journal.streams.open(STREAM);
    await journal.destinations.open(['siem'], systemClock.now());
    await journal.commit(
      page({
        records: records(3),
        ledger: [{ key: 'k', at: 1, uid: 'u', value: {} }],
        covered: { from: 0, to: 1 },
      }),
    );
    const deadLetters = letters(1, 'no');
    const position = { sequence: 2, offset: 0 };
    await journal.acknowledge('siem', { position, response: '200', now: systemClock.now(), deadLetters });
    await journal.quotas.spend('q', { requests: 1, per: 1_000 }, systemClock.now());
    await journal.jobs.enqueue({ kind: 'retry', source: undefined, destination: 'siem', details: {} }, 0);
    await journal.states.note(new Map([['source console', { state: 'healthy' }]]));
    await journal.trim(systemClock.now());

    expect(holds).toHaveLength(2);
    expect(await journal.stats()).toMatchObject({ events: 0, oldest: undefined });
    expect(await journal.pages.read({ sequence: 0, offset: 0 })).toBeUndefined();

    await server.query('GRANT USAGE ON SCHEMA penstock TO reader');
    await server.query('GRANT SELECT ON ALL TABLES IN SCHEMA penstock TO reader');
    const view = await openPostgresBeside({
      clock: systemClock,
      place: placeAt(server.url({ user: 'reader' })),
    });
    expect(await view?.deadLetters.count('siem')).toBe(1);
    expect(await view?.replicas()).toMatchObject([
      { command: 'run', sources: ['console'], destinations: ['siem'] },
    ]);
    await view?.[Symbol.asyncDispose]();
  });
});
