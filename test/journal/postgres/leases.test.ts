import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PostgresPlace } from '../../../src/config/types.ts';
import { StateError } from '../../../src/core/errors.ts';
import { JournalWriteError, LeaseLostError } from '../../../src/journal/journal.ts';
import type { Subject } from '../../../src/journal/leases.ts';
import { replicasIn } from '../../../src/journal/postgres/leases.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { type PostgresProxy, startProxy } from '../../support/postgres-proxy.ts';
import { connect, placeAt } from '../support/databases.ts';
import { CONSOLE, CONTENT, expireAll, notes, prepared, SIEM, TestReplica } from '../support/replicas.ts';

const LEASE = 15_000;

/** Milliseconds until a lease expires by the database's clock; undefined: nobody holds it. */
async function expiresIn(own: TestReplica, { kind, name }: Subject): Promise<number | undefined> {
  const [row] = await own.database.query<{ ms: number }>(
    `SELECT extract(epoch FROM expires_at - clock_timestamp()) * 1000 AS ms FROM penstock.lease
     WHERE kind = $1 AND name = $2 AND holder IS NOT NULL`,
    [kind, name],
  );
  return row?.ms;
}

describe.skipIf(NO_POSTGRES)('leases in PostgreSQL', () => {
  let opened: AsyncDisposableStack;
  let place: PostgresPlace;
  let proxy: PostgresProxy;

  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    const own = opened.use(await ownSchema());
    place = await prepared(placeAt(own.url, { schema: own.schema, lease: LEASE }));
    proxy = opened.use(await startProxy(own.url));
  });
  afterEach(async () => {
    vi.useRealTimers();
    await opened.disposeAsync();
  });

  function replica(name: string, settings: Partial<PostgresPlace> = {}): TestReplica {
    return opened.use(new TestReplica({ ...place, ...settings }, name));
  }

  /** One whose connections go through the proxy. */
  function behindProxy(name: string, settings: Partial<PostgresPlace> = {}): TestReplica {
    return replica(name, { url: placeAt(proxy.url).url, ...settings });
  }

  describe('taking', () => {
    it('one replica at a time holds a subject', async () => {
      const [one, other] = [replica('one'), replica('other')];

      expect(await one.leases.take([CONSOLE, SIEM])).toHaveLength(2);
      expect(await other.leases.take([CONSOLE, SIEM])).toEqual([]);

      await one.note(CONSOLE, 'a');
      await expect(other.note(CONSOLE, 'b')).rejects.toThrow('this process does not hold it');
      expect(await notes(one.database)).toEqual(['a']);
    });

    it('replicas that take many subjects at once share them, and nobody waits for ever', async () => {
      const replicas = ['one', 'two', 'three'].map((name) => replica(name));
      const subjects = Array.from({ length: 300 }, (_, index): Subject => ({
        kind: 'source',
        name: `s${index}`,
      }));

      const taken = await Promise.all(
        replicas.map(({ leases }, index) => leases.take(index === 1 ? subjects.toReversed() : subjects)),
      );

      const names = taken.flat().map(({ subject }) => subject.name);
      expect(new Set(names).size).toBe(names.length);
      const rest = await Promise.all(replicas.map(({ leases }) => leases.take(subjects)));
      expect([...names, ...rest.flat().map(({ subject }) => subject.name)].toSorted()).toEqual(
        subjects.map(({ name }) => name).toSorted(),
      );
    });

    it('does not wait for a row that a commit has locked', async () => {
      const [one, other] = [replica('one'), replica('other')];
      await one.hold(CONSOLE);
      const gate = Promise.withResolvers<void>();
      const locked = Promise.withResolvers<void>();
      const commit = one.database.fenced(CONSOLE, async () => {
        locked.resolve();
        await gate.promise;
      });
      await locked.promise;

      expect(await other.leases.take([CONSOLE, SIEM])).toMatchObject([{ subject: SIEM }]);

      gate.resolve();
      await commit;
    });

    it('a lease that expired is taken, and its old holder learns who took it and says so once', async () => {
      const [one, other] = [replica('one'), replica('other')];
      const hold = await one.hold(CONSOLE);
      await other.leases.renew(CONTENT);
      await expireAll(one.database);

      await other.hold(CONSOLE);
      await one.leases.renew(CONTENT);
      await one.leases.renew(CONTENT);

      expect(hold.signal.aborted).toBe(true);
      expect(() => hold.requireValid()).toThrow(LeaseLostError);
      expect(one.lines).toMatchObject([
        {
          level: 40,
          event: { reason: 'replica other took it' },
          penstock: { sources: ['console'], destinations: [] },
          msg: expect.stringMatching(/^Leases were lost, and nothing more is committed under them\./),
        },
      ]);
      await other.note(CONSOLE, 'of the other');
      expect(await notes(one.database)).toEqual(['of the other']);
    });

    it('a subject that was lost is not taken again before its work has ended and it is released', async () => {
      const own = replica('one');
      const lost = await own.hold(CONSOLE);
      await expireAll(own.database);
      await own.leases.renew(CONTENT);
      expect(lost.signal.aborted).toBe(true);

      expect(await own.leases.take([CONSOLE])).toEqual([]);
      expect((await own.leases.renew(CONTENT)).isFree(CONSOLE)).toBe(false);
      await expect(own.note(CONSOLE, 'late')).rejects.toThrow(LeaseLostError);
      await own.leases.release([lost]);

      expect((await own.leases.renew(CONTENT)).isFree(CONSOLE)).toBe(true);
      await own.hold(CONSOLE);
      await own.note(CONSOLE, 'in time');
      expect(await notes(own.database)).toEqual(['in time']);
    });

    it('what the database gave while its answer was lost is free again after the next renewal', async () => {
      const [one, other] = [behindProxy('one'), replica('other')];
      await one.leases.renew(CONTENT);
      proxy.onStatement = ({ sql }) => (sql.includes('WITH free') ? 'cut-answer' : undefined);

      await expect(one.leases.take([CONSOLE])).rejects.toThrow(JournalWriteError);
      proxy.onStatement = undefined;
      await expect.poll(() => expiresIn(other, CONSOLE)).toBeGreaterThan(0);
      expect(await other.leases.take([CONSOLE])).toEqual([]);
      await one.leases.renew(CONTENT);

      expect(await other.leases.take([CONSOLE])).toHaveLength(1);
    });

    it('a lease that expires in hours was written before the clock of the database was set back: it is free', async () => {
      const [one, other] = [replica('one'), replica('other')];
      await one.hold(CONSOLE);
      await one.database.query("UPDATE penstock.lease SET expires_at = expires_at + interval '2 hours'");

      expect(await other.leases.take([CONSOLE])).toHaveLength(1);
    });

    it('a command writes under such a lease too, and not under one that is valid', async () => {
      const one = replica('one');
      await using command = connect(place);
      const write = () => command.fenced(CONSOLE, (transaction) => transaction.run('SELECT 1'));
      await one.hold(CONSOLE);
      await one.leases.renew(CONTENT);

      await expect(write()).rejects.toThrow('Replica one works on source console now.');
      await one.database.query("UPDATE penstock.lease SET expires_at = expires_at + interval '2 hours'");
      await write();
    });

    it('what is given back is free at once', async () => {
      const [one, other] = [replica('one'), replica('other')];
      const hold = await one.hold(CONSOLE);

      await one.leases.release([hold]);

      expect(hold.signal.aborted).toBe(true);
      expect(await other.leases.take([CONSOLE])).toHaveLength(1);
      expect(one.lines).toEqual([]);
    });
  });

  describe('renewing', () => {
    it('says who works on what, oldest first', async () => {
      const [one, other] = [replica('one'), replica('other')];
      await one.leases.renew({ shares: true, wants: { source: 3, destination: 1 } });
      await one.leases.take([CONSOLE, SIEM]);
      await other.leases.renew({ shares: false, wants: { source: 0, destination: 0 } });

      const view = await one.leases.renew({ shares: true, wants: { source: 2, destination: 0 } });

      expect(view.self).toBe(one.leases.replica.id);
      expect(view.replicas).toMatchObject([
        {
          ...one.leases.replica,
          command: 'run',
          sources: ['console'],
          destinations: ['siem'],
          shares: true,
          wants: { source: 2, destination: 0 },
        },
        { ...other.leases.replica, sources: [], destinations: [], shares: false },
      ]);
      for (const { since } of view.replicas) expect(Math.abs(since - Date.now())).toBeLessThan(60_000);
      expect([CONSOLE, SIEM, { ...SIEM, name: 'free' }].map((subject) => view.isFree(subject))).toEqual([
        false,
        false,
        true,
      ]);
      expect(await replicasIn(other.database)).toMatchObject([
        { name: 'one', sources: ['console'], destinations: ['siem'] },
        { name: 'other', sources: [] },
      ]);
    });

    it('a replica that ends gives everything back and is gone', async () => {
      const [one, other] = [replica('one'), replica('other')];
      await one.leases.renew(CONTENT);
      const hold = await one.hold(CONSOLE);

      await one.leases.close();

      expect(hold.signal.aborted).toBe(true);
      const view = await other.leases.renew(CONTENT);
      expect(view.replicas.map(({ name }) => name)).toEqual(['other']);
      expect(view.isFree(CONSOLE)).toBe(true);
    });

    it('extends leases by the clock of the database, whatever the clocks of the replicas say', async () => {
      vi.useFakeTimers({ toFake: ['Date'] });
      const [one, other] = [replica('one'), replica('other')];
      vi.setSystemTime(Date.now() + 5 * 3_600_000);
      const hold = await one.hold(CONSOLE);
      await one.leases.renew(CONTENT);
      vi.setSystemTime(Date.now() - 11 * 3_600_000);
      await other.leases.renew(CONTENT);

      expect(await other.leases.take([CONSOLE])).toEqual([]);
      await one.leases.renew(CONTENT);

      hold.requireValid();
      expect(await expiresIn(other, CONSOLE)).toBeGreaterThan(LEASE - 1_000);
      expect(await expiresIn(other, CONSOLE)).toBeLessThanOrEqual(LEASE);
    });

    it('does not wait for a row that a commit has locked, and the commit extends the lease itself', async () => {
      const own = replica('one');
      const hold = await own.hold(CONSOLE);
      await own.database.query(
        "UPDATE penstock.lease SET expires_at = clock_timestamp() + interval '5 seconds'",
      );
      const gate = Promise.withResolvers<void>();
      const locked = Promise.withResolvers<void>();
      const commit = own.database.fenced(CONSOLE, async () => {
        locked.resolve();
        await gate.promise;
      });
      await locked.promise;

      await own.leases.renew(CONTENT);
      expect(await expiresIn(own, CONSOLE)).toBeLessThan(5_000);
      gate.resolve();
      await commit;

      hold.requireValid();
      expect(await expiresIn(own, CONSOLE)).toBeGreaterThan(LEASE - 2_000);
    });

    it('does not bring back a lease that expired, even if nobody took it', async () => {
      const own = replica('one');
      const hold = await own.hold(CONSOLE);
      await expireAll(own.database);

      await own.leases.renew(CONTENT);

      expect(hold.signal.aborted).toBe(true);
      expect(own.logged).toEqual(["Leases were lost, … it had expired by the database's clock"]);
      expect(await expiresIn(own, CONSOLE)).toBeUndefined();
    });

    it('a release beside a newer schema stops and says why', async () => {
      const own = opened.use(new TestReplica(place, 'old', 0));

      await expect(own.leases.renew(CONTENT)).rejects.toThrow(
        new RegExp(`was migrated by a newer release \\(schema version \\d+, this release knows 0\\)`),
      );
      await expect(own.leases.renew(CONTENT)).rejects.toThrow(StateError);
    });
  });

  describe('the end of a hold', () => {
    it('comes before the lease expires when nobody renews it', async () => {
      const own = replica('one', { lease: 1_000 });
      const hold = await own.hold(CONSOLE);
      const ended = Promise.withResolvers<void>();
      hold.signal.addEventListener('abort', () => ended.resolve());

      await ended.promise;

      expect(await expiresIn(own, CONSOLE)).toBeGreaterThan(0);
      expect(hold.signal.reason).toBeInstanceOf(LeaseLostError);
      expect(own.logged).toEqual([
        'Leases were lost, … it was not renewed in time (the database did not answer, or this process was paused)',
      ]);
    });

    it('is found by a process that was paused before its timers run, and aborts the signal', async () => {
      const own = replica('one');
      const hold = await own.hold(CONSOLE);
      hold.requireValid();
      const aborted: boolean[] = [];
      hold.signal.addEventListener('abort', () => aborted.push(true));
      own.slept = LEASE * 0.9;

      expect(() => hold.requireValid()).toThrow(LeaseLostError);

      expect(aborted).toEqual([true]);
    });

    it('is counted from when the renewal was sent, not from its answer', async () => {
      const own = behindProxy('one');
      const hold = await own.hold(CONSOLE);
      const gate = Promise.withResolvers<void>();
      proxy.onStatement = ({ sql }) => (sql.includes('renewed AS') ? { answer: gate.promise } : undefined);
      const renewal = own.leases.renew(CONTENT);
      await proxy.saw('renewed AS');
      await sleep(50);
      own.slept = LEASE * 0.7;
      gate.resolve();
      await renewal;
      hold.requireValid();

      own.slept = LEASE * 0.81;

      expect(() => hold.requireValid()).toThrow(LeaseLostError);
    });

    it('comes by itself while the database is away, once for all that was held', async () => {
      const own = behindProxy('one', { lease: 1_200 });
      const holds = await own.leases.take([CONSOLE, SIEM]);
      proxy.away();

      await expect(own.leases.renew(CONTENT)).rejects.toThrow(JournalWriteError);
      expect(holds.map(({ signal }) => signal.aborted)).toEqual([false, false]);
      await expect
        .poll(() => holds.map(({ signal }) => signal.aborted), { timeout: 5_000 })
        .toEqual([true, true]);

      expect(own.lines).toMatchObject([{ penstock: { sources: ['console'], destinations: ['siem'] } }]);
      proxy.back();
      await own.leases.release(holds);
      const view = await own.leases.renew(CONTENT);
      expect([CONSOLE, SIEM].map((subject) => view.isFree(subject))).toEqual([true, true]);
    });

    it('a renewal that gets no answer fails, and the next one goes on', async () => {
      const own = behindProxy('one', { lease: 1_500 });
      const id = randomUUID();
      await own.leases.renew(CONTENT);
      let isSilent = true;
      proxy.onStatement = () => (isSilent ? { before: sleep(60_000, id, { ref: false }) } : undefined);

      await expect(own.leases.renew(CONTENT)).rejects.toThrow(JournalWriteError);
      isSilent = false;

      expect((await own.leases.renew(CONTENT)).replicas).toHaveLength(1);
    });
  });
});
