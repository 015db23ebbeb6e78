import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PostgresPlace } from '../../../src/config/types.ts';
import { LeaseLostError } from '../../../src/journal/journal.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { type Fate, type PostgresProxy, startProxy } from '../../support/postgres-proxy.ts';
import { placeAt } from '../support/databases.ts';
import { CONSOLE, CONTENT, expireAll, notes, prepared, SIEM, TestReplica } from '../support/replicas.ts';

/** Short, because some tests wait for the end of one. */
const SHORT = 1_500;

/** Resolves when another replica has the subject. */
async function takenOver(other: TestReplica): Promise<void> {
  await expect
    .poll(async () => (await other.leases.take([CONSOLE])).length, { timeout: 10_000, interval: 20 })
    .toBe(1);
}

describe.skipIf(NO_POSTGRES)('fenced writes in PostgreSQL', () => {
  let opened: AsyncDisposableStack;
  let place: PostgresPlace;
  let proxy: PostgresProxy;

  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    const own = opened.use(await ownSchema());
    place = await prepared(placeAt(own.url, { schema: own.schema }));
    proxy = opened.use(await startProxy(own.url));
  });
  afterEach(() => opened.disposeAsync());

  function replica(name: string, settings: Partial<PostgresPlace> = {}): TestReplica {
    return opened.use(new TestReplica({ ...place, ...settings }, name));
  }

  /** One whose connections go through the proxy. */
  function behindProxy(name: string, settings: Partial<PostgresPlace> = {}): TestReplica {
    return replica(name, { url: placeAt(proxy.url).url, ...settings });
  }

  describe('a holder that is not the latest', () => {
    it.each([
      ['another one has it', async (other: TestReplica) => void (await other.hold(CONSOLE))],
      [
        'another one had it, wrote, and gave it back',
        async (other: TestReplica) => {
          const hold = await other.hold(CONSOLE);
          await other.note(CONSOLE, 'a');
          await other.leases.release([hold]);
        },
      ],
    ])('writes nothing when %s, and says so once', async (_when, takeOver) => {
      const [stale, other] = [replica('stale'), replica('other')];
      const hold = await stale.hold(CONSOLE);
      await stale.note(CONSOLE, '1');
      await expireAll(other.database);
      await takeOver(other);
      const before = await notes(other.database);

      await expect(stale.note(CONSOLE, '2')).rejects.toThrow(LeaseLostError);
      expect(hold.signal.aborted).toBe(true);
      await expect(stale.note(CONSOLE, '3')).rejects.toThrow(LeaseLostError);

      expect(await notes(other.database)).toEqual(before);
      expect(stale.lines).toHaveLength(1);
    });

    it('writes nothing after its lease expired, although nobody took it', async () => {
      const stale = replica('stale');
      const hold = await stale.hold(CONSOLE);
      await expireAll(stale.database);

      await expect(stale.note(CONSOLE, '1')).rejects.toThrow("it had expired by the database's clock");

      expect(hold.signal.aborted).toBe(true);
      expect(await notes(stale.database)).toEqual([]);
    });

    it('writes nothing when it took the subject again itself, as long as the old work goes on', async () => {
      const own = replica('own');
      const old = await own.hold(CONSOLE);
      await expireAll(own.database);
      await expect(own.note(CONSOLE, '1')).rejects.toThrow(LeaseLostError);
      await own.leases.release([old]);
      const hold = await own.hold(CONSOLE);

      await own.note(CONSOLE, '2');

      expect([old.signal.aborted, hold.signal.aborted]).toEqual([true, false]);
      expect(await notes(own.database)).toEqual(['2']);
    });

    it('has its signal aborted before the write rejects, so that the work ends as at a stop', async () => {
      const [stale, other] = [replica('stale'), replica('other')];
      const hold = await stale.hold(CONSOLE);
      await expireAll(other.database);
      await other.hold(CONSOLE);

      const wasAborted = await stale.note(CONSOLE, '1').catch(() => hold.signal.aborted);

      expect(wasAborted).toBe(true);
      expect(hold.signal.reason).toMatchObject({ subject: CONSOLE, blame: 'nobody' });
    });
  });

  it('writes of one hold at once follow each other', async () => {
    const own = replica('own');
    const hold = await own.hold(CONSOLE);

    await Promise.all(['1', '2', '3', '4', '5', '6'].map((words) => own.note(CONSOLE, words)));

    hold.requireValid();
    expect(await notes(own.database)).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  it('a write that fails changes nothing and ends no hold', async () => {
    const own = replica('own');
    const hold = await own.hold(CONSOLE);
    await own.note(CONSOLE, '1');
    const failing = own.database.fenced(CONSOLE, async (transaction) => {
      await transaction.run("INSERT INTO penstock.state (subject, value) VALUES ('2', '')");
      throw new Error('a bug');
    });

    await expect(failing).rejects.toThrow('a bug');
    await own.note(CONSOLE, '3');

    hold.requireValid();
    expect(await notes(own.database)).toEqual(['1', '3']);
  });

  describe('a database that went back', () => {
    const BEHIND = {
      level: 50,
      msg: expect.stringMatching(/^The database is behind what this process has seen: /),
    };

    it.each([
      ['a write of each hold is missing', 'UPDATE penstock.lease SET revision = revision - 1'],
      ['the leases are older', 'UPDATE penstock.lease SET epoch = epoch - 1'],
      ['the leases are not there', 'DELETE FROM penstock.lease'],
      ['pages are missing', 'UPDATE penstock.head SET sequence = 0'],
    ])('is found by the renewal when %s: all holds end, and it is said once', async (_what, change) => {
      const own = replica('own');
      const holds = await own.leases.take([CONSOLE, SIEM]);
      let forgotten = 0;
      own.leases.onBehind(() => {
        forgotten += 1;
      });
      own.leases.sawHead(3);
      await own.database.query('UPDATE penstock.head SET sequence = 3');
      await own.note(CONSOLE, '1');
      await own.note(SIEM, '2');
      await own.leases.renew(CONTENT);
      expect(own.lines).toEqual([]);
      await own.database.query(change);

      await own.leases.renew(CONTENT);
      await own.leases.renew(CONTENT);

      expect(holds.map(({ signal }) => signal.aborted)).toEqual([true, true]);
      expect(forgotten).toBe(1);
      expect(own.lines.filter(({ level }) => level === 50)).toMatchObject([BEHIND]);
      expect(own.lines.filter(({ level }) => level === 40)).toMatchObject([
        { penstock: { sources: ['console'], destinations: ['siem'] } },
      ]);
      await own.leases.release(holds);
      await own.leases.renew(CONTENT);
      expect(await own.leases.take([CONSOLE, SIEM])).toHaveLength(2);
    });

    it('is found by the writes that come first, and said once', async () => {
      const own = replica('own');
      const holds = await own.leases.take([CONSOLE, SIEM]);
      await own.note(CONSOLE, '1');
      await own.note(SIEM, '2');
      await own.database.query('UPDATE penstock.lease SET revision = revision - 1');

      const writes = await Promise.allSettled([own.note(CONSOLE, '3'), own.note(SIEM, '4')]);

      expect(writes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(holds.map(({ signal }) => signal.aborted)).toEqual([true, true]);
      expect(own.lines.filter(({ level }) => level === 50)).toMatchObject([BEHIND]);
      expect(await notes(own.database)).toEqual(['1', '2']);
    });
  });

  describe('a holder that pauses in its transaction', () => {
    it.each([
      ['between two statements', ['.state (subject', 2]],
      ['before COMMIT', ['COMMIT', 1]],
    ] as const)('%s blocks nobody, and what it wrote is rolled back', async (_when, [words, number]) => {
      const [stale, other] = [behindProxy('stale', { lease: SHORT }), replica('other', { lease: SHORT })];
      const hold = await stale.hold(CONSOLE);
      const awake = Promise.withResolvers<void>();
      let seen = 0;
      proxy.onStatement = ({ sql }): Fate | undefined => {
        seen += Number(sql.includes(words));
        return seen >= number ? { before: awake.promise } : undefined;
      };
      const write = stale.database.fenced(CONSOLE, async (transaction) => {
        await transaction.run("INSERT INTO penstock.state (subject, value) VALUES ('1', '')");
        await transaction.run("INSERT INTO penstock.state (subject, value) VALUES ('2', '')");
      });
      const outcome = write.then(
        () => 'written',
        (error: Error) => error.name,
      );

      await takenOver(other);
      await other.note(CONSOLE, 'other');
      awake.resolve();

      expect(await outcome).toMatch(/^(LeaseLostError|JournalWriteError)$/);
      expect(hold.signal.aborted).toBe(true);
      expect(await notes(other.database)).toEqual(['other']);
    });
  });
});
