import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PostgresPlace } from '../../../src/config/types.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { JournalWriteError } from '../../../src/journal/journal.ts';
import type { Hold } from '../../../src/journal/leases.ts';
import { forgetInPostgres, openPostgres } from '../../../src/journal/postgres/open.ts';
import type { PostgresJournal } from '../../../src/journal/postgres/postgres-journal.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { firstUid, KEY, page, records, STREAM } from '../support/commits.ts';
import { connect, placeAt } from '../support/databases.ts';

const RENAMED = { ...STREAM, source: 'desk' };

async function hold({ leases }: PostgresJournal, name: string): Promise<Hold> {
  const [taken] = (await leases?.take([{ kind: 'source', name }])) ?? [];
  if (taken === undefined) throw new Error(`${name} is not free`);
  return taken;
}

describe.skipIf(NO_POSTGRES)('streams of several replicas', () => {
  let opened: AsyncDisposableStack;
  let place: PostgresPlace;
  let replica: (name: string) => Promise<PostgresJournal>;

  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    const own = opened.use(await ownSchema());
    place = placeAt(own.url, { schema: own.schema });
    const options = { place, clock: systemClock, maxBytes: 2 ** 30, retain: 0, fencing: 'held' } as const;
    replica = async (name) => opened.use(await openPostgres({ ...options, replica: name }));
  });
  afterEach(() => opened.disposeAsync());

  test('a stream whose source has another name in another configuration changes it when its replica has ended', async () => {
    const [one, other] = [await replica('one'), await replica('other')];
    const held = await hold(one, STREAM.source);
    await one.streams.open(STREAM);
    await hold(other, RENAMED.source);

    const refused = other.streams.open(RENAMED);
    await expect(refused).rejects.toThrow(JournalWriteError);
    await expect(refused).rejects.toThrow(/still reads .* as source console/);
    await one.commit(page({ records: records(1, 'a') }));
    expect((await one.streams.all()).map(({ source }) => source)).toEqual([STREAM.source]);

    await one.leases?.release([held]);
    expect(await other.streams.open(RENAMED)).toMatchObject({ source: RENAMED.source });
  });

  test('a stream is not given to another name while a replica takes the source that has it', async () => {
    const [one, other] = [await replica('one'), await replica('other')];
    const held = await hold(one, STREAM.source);
    await one.streams.open(STREAM);
    await one.leases?.release([held]);
    await hold(other, RENAMED.source);
    await using slow = connect(place);
    const [locked, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slowing = slow.transact(async (transaction) => {
      await transaction.query('SELECT FROM penstock.stream FOR UPDATE');
      locked.resolve();
      await go.promise;
    });
    await locked.promise;
    const renamed = other.streams.open(RENAMED).then(
      () => true,
      () => false,
    );
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%known%'";
    await expect.poll(() => slow.query(waiting)).toHaveLength(1);

    const taken = await one.leases?.take([{ kind: 'source', name: STREAM.source }]);
    const opened = taken?.length === 1 && (await one.streams.open(STREAM)).source === STREAM.source;
    go.resolve();
    await slowing;

    expect([opened, await renamed]).toEqual([false, true]);
  });

  test('streams of a source that is not configured are orphaned, once no replica holds it', async () => {
    const [one, other] = [await replica('one'), await replica('other')];
    const held = await hold(one, STREAM.source);
    await one.streams.open(STREAM);
    const orphanedAfter = async () => {
      await other.sources.open([]);
      return (await one.streams.all()).map(({ orphaned }) => orphaned);
    };

    const during = await orphanedAfter();
    await one.leases?.release([held]);

    expect(during).toEqual([false]);
    expect(await orphanedAfter()).toEqual([true]);
  });

  test('a replica may give a stream to another of its own sources', async () => {
    const one = await replica('one');
    await hold(one, STREAM.source);
    await one.streams.open(STREAM);
    await hold(one, RENAMED.source);

    expect(await one.streams.open(RENAMED)).toMatchObject({ source: RENAMED.source });
  });

  test('pages of a source that was forgotten between two holds are readable', async () => {
    const [one, other] = [await replica('one'), await replica('other')];
    const second = { ...STREAM, scope: 'second' };
    let held = await hold(one, STREAM.source);
    const states = await one.streams.openAll([STREAM, second]);
    await one.commit(page({ stream: states[1]?.key ?? '' }));
    await one.leases?.release([held]);

    await forgetInPostgres(place, STREAM.source);
    held = await hold(other, STREAM.source);
    await other.streams.openAll([STREAM, second]);
    await other.leases?.release([held]);
    await hold(one, STREAM.source);
    await one.streams.open(STREAM);
    await one.commit(page({ stream: states[1]?.key ?? '', records: records(1, 'a') }));

    expect(firstUid(await other.pages.read({ sequence: 0, offset: 0 }))).toBe('a-0');
    expect(states[0]?.key).toBe(KEY);
  });
});
