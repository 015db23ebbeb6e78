import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import { startPgBouncer, NO_PGBOUNCER } from '../../support/pgbouncer.ts';
import { NO_POSTGRES, ownSchema, sharedPostgres } from '../../support/postgres.ts';
import { held, page, records, STREAM } from '../support/commits.ts';
import { connect, placeAt } from '../support/databases.ts';

/** A bouncer whose clients have to share two connections, and a place behind it. */
async function behindBouncer() {
  const opened = new AsyncDisposableStack();
  const own = opened.use(await ownSchema());
  const bouncer = opened.use(await startPgBouncer(await sharedPostgres(), { poolSize: 2 }));
  return { opened, place: placeAt(bouncer.url(), { schema: own.schema }) };
}

describe.skipIf(NO_POSTGRES ?? NO_PGBOUNCER)('through PgBouncer in transaction mode', () => {
  test('replicas that share few connections keep one journal, one budget and their leases', async () => {
    const { opened, place } = await behindBouncer();
    await using _ = opened;
    const names = ['a', 'b', 'c'];
    const settings = { clock: systemClock, maxBytes: 2 ** 31, retain: 0, fencing: 'held' } as const;
    const limit = { requests: 10, per: 60_000 };

    const replica = async (name: string): Promise<number> => {
      await using journal = await openPostgres({ ...settings, place, replica: name, command: 'run' });
      const [hold] = (await journal.leases?.take([{ kind: 'source', name }])) ?? [];
      const streams = await journal.streams.openAll(
        ['1', '2', '3'].map((scope) => ({ ...STREAM, source: name, scope: `${name} ${scope}` })),
      );
      const commits = Array.from({ length: 20 }, (_, round) =>
        streams.map(async ({ key }) => {
          const uid = `${key} ${round}`;
          const ledger = [{ key: uid, at: round, uid, value: {} }];
          await journal.commit(
            page({ stream: key, source: name, records: records(1, uid), ledger, cursor: { round } }),
          );
        }),
      );
      const spent = Array.from({ length: 8 }, () => journal.quotas.spend('shared', limit, Date.now()));
      await Promise.all(commits.flat());
      hold?.requireValid();
      return (await Promise.all(spent)).filter((again) => again === 0).length;
    };
    const granted = await Promise.all(names.map(replica));

    await using journal = await openPostgres({ ...settings, place });
    const uids = await held(journal);
    expect(new Set(uids).size).toBe(180);
    expect(uids).toHaveLength(180);
    expect(await journal.streams.all()).toMatchObject(Array.from({ length: 9 }, () => ({ ledger: 20 })));
    expect(granted.reduce((sum, one) => sum + one, 0)).toBe(10);
    const last = await journal.pages.read({ sequence: 180, offset: 0 });
    expect(last?.sequence).toBe(180);
    expect(await journal.replicas()).toEqual([]);
  });

  test('a statement that fails in a pipeline fails its transaction, and no other client gets an answer of it', async () => {
    const { opened, place } = await behindBouncer();
    await using _ = opened;
    const databases = [1, 2, 3, 4].map(() => opened.use(connect(place)));

    const outcomes = databases.map(async (database, index) => {
      const seen: unknown[] = [];
      for (let round = 0; round < 50; round += 1) {
        const answers = database.transact(async (transaction) => {
          const [first, , last] = await Promise.all([
            transaction.query('SELECT $1::bigint AS database, $2::bigint AS round', [index, round]),
            transaction.run('SELECT 1 / $1::bigint', [(index + round) % 3]),
            transaction.last('SELECT $1::bigint AS round', [round]),
          ]);
          return [...first, ...last];
        });
        seen.push(await answers.catch((error: Error) => error.message));
      }
      return seen;
    });

    const expected = databases.map((_database, index) =>
      Array.from({ length: 50 }, (_, round) =>
        (index + round) % 3 === 0 ? 'division by zero' : [{ database: index, round }, { round }],
      ),
    );
    expect(await Promise.all(outcomes)).toEqual(expected);
  });
});
