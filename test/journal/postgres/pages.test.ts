import { describe, expect, test } from 'vitest';
import type { JournalPage } from '../../../src/journal/delivery.ts';
import type { Database } from '../../../src/journal/postgres/database.ts';
import { PostgresPages } from '../../../src/journal/postgres/pages.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { NO_POSTGRES, sharedPostgres } from '../../support/postgres.ts';
import { comparable, KEY, page, records } from '../support/commits.ts';
import { connect, ownDatabase } from '../support/databases.ts';

const START = { sequence: 0, offset: 0 };

/** A stream with the id 1, and pages that are appended to it. */
async function ownPages() {
  const own = await ownDatabase();
  const { database } = own;
  await database.transact((transaction) =>
    transaction.last(
      `INSERT INTO penstock.stream (key, source, type, origin, account, scope, cursor_version)
       VALUES ($1, 'console', '', '', '', '', 1)`,
      [KEY],
    ),
  );
  return own;
}

/** Makes commits of pages of this dataset take a while, from when they have their numbers to when they are visible. */
async function slowDownCommits(database: Database, dataset: string): Promise<void> {
  const { schema } = database.place;
  const server = await sharedPostgres();
  await server.query(`
    CREATE FUNCTION ${schema}.slow_down() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
      PERFORM pg_sleep(0.02);
      RETURN NULL;
    END';
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON ${schema}.page DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.dataset = '${dataset}') EXECUTE FUNCTION ${schema}.slow_down()`);
}

async function append(database: Database, pages: PostgresPages, name: string, count = 2) {
  const appended = await database.transact((transaction) =>
    pages.append(transaction, 1, page({ records: records(count, name) }), 5),
  );
  pages.announce(appended);
  return appended;
}

async function readAll(pages: PostgresPages): Promise<readonly (JournalPage | undefined)[]> {
  const read: JournalPage[] = [];
  for (;;) {
    const last = read.at(-1);
    const next = await pages.read(last === undefined ? START : { sequence: last.sequence + 1, offset: 0 });
    if (next === undefined) return read;
    read.push(next);
  }
}

describe.skipIf(NO_POSTGRES)('pages in PostgreSQL', () => {
  test('numbers have no gaps, also where transactions were rolled back', async () => {
    await using own = await ownPages();
    using pages = new PostgresPages(own.database, new DrivenClock());

    await append(own.database, pages, 'a');
    const failing = own.database.transact(async (transaction) => {
      await Promise.all([
        transaction.run('SELECT 1 / 0'),
        pages.append(transaction, 1, page({ records: records(1) }), 5),
      ]);
    });
    await expect(failing).rejects.toThrow('division by zero');
    const [next] = await append(own.database, pages, 'b');

    expect(next?.sequence).toBe(2);
  });

  test('another process reads what one has appended: the same pages, with what is before each', async () => {
    await using own = await ownPages();
    await using other = connect(own.database.place);
    using pages = new PostgresPages(own.database, new DrivenClock());
    using others = new PostgresPages(other, new DrivenClock());
    const appended = [
      ...(await append(own.database, pages, 'a', 3)),
      ...(await append(own.database, pages, 'b', 150)),
    ];

    const [own1, other1] = [await readAll(pages), await readAll(others)];
    const rows = await other.query(
      `SELECT sequence, count, records_before AS records, bytes_before - lag(bytes_before + bytes, 1, 0::bigint)
         OVER (ORDER BY sequence) AS apart FROM penstock.page ORDER BY sequence`,
    );

    expect(own1.map(comparable)).toEqual(appended.map(comparable));
    expect(other1.map(comparable)).toEqual(appended.map(comparable));
    expect(rows).toEqual([
      { sequence: 1, count: 3, records: 0, apart: 0 },
      { sequence: 2, count: 150, records: 3, apart: 0 },
    ]);
  });

  test('a reader never passes a page that is committed later', async () => {
    await using own = await ownPages();
    await using slowOne = connect(own.database.place);
    using pages = new PostgresPages(own.database, new DrivenClock());
    using reader = new PostgresPages(own.database, new DrivenClock());
    await slowDownCommits(own.database, 'slow');
    const read: string[] = [];
    let written: readonly string[] | undefined;

    const write = async (database: Database, dataset: string) => {
      for (let round = 0; round < 20; round += 1) {
        const [encoded] = records(1, `${round}`);
        if (encoded === undefined) throw new Error('There is one.');
        await database.transact((transaction) =>
          pages.append(transaction, 1, page({ records: [{ ...encoded, dataset }] }), 5),
        );
      }
    };
    const readOn = async () => {
      while (read.length !== written?.length) {
        const next = await reader.read({ sequence: read.length + 1, offset: 0 });
        if (next === undefined) continue;
        expect(next.sequence).toBe(read.length + 1);
        read.push(next.dataset);
      }
    };
    const reading = readOn();
    await Promise.all([write(own.database, 'fast'), write(slowOne, 'slow')]);
    const rows = await own.database.query<{ dataset: string }>(
      'SELECT dataset FROM penstock.page ORDER BY sequence',
    );
    written = rows.map(({ dataset }) => dataset);
    await reading;

    expect(read).toEqual(written);
    expect(written).toHaveLength(40);
    expect(written.slice(0, 20)).toContain('slow');
  });

  test('the head is not locked before the last statement of a commit', async () => {
    await using own = await ownPages();
    await using other = connect(own.database.place);
    using pages = new PostgresPages(own.database, new DrivenClock());

    const first = await own.database.transact(async (transaction) => {
      await transaction.run("UPDATE penstock.stream SET last_error = 'x' WHERE id = 1");
      const [overtaking] = await append(other, pages, 'overtaking');
      const [page1] = await pages.append(transaction, 1, page({ records: records(1) }), 5);
      return [overtaking?.sequence, page1?.sequence];
    });

    expect(first).toEqual([1, 2]);
  });

  test('a page of another process wakes a waiter within half a second, and one of this process at once', async () => {
    await using own = await ownPages();
    await using other = connect(own.database.place);
    const clock = new DrivenClock();
    using pages = new PostgresPages(own.database, clock);
    using others = new PostgresPages(other, clock);
    const never = new AbortController().signal;

    const ofOther = pages.changed(never, START);
    await append(other, others, 'a');
    await clock.advance(500);
    await ofOther;
    const ofThis = pages.changed(never, { sequence: 2, offset: 0 });
    await append(own.database, pages, 'b');
    await ofThis;

    await expect(pages.changed(never, { sequence: 2, offset: 0 })).resolves.toBeUndefined();
  });

  test('pages in memory are not taken for others of a database that went back', async () => {
    await using own = await ownPages();
    await using other = connect(own.database.place);
    using pages = new PostgresPages(own.database, new DrivenClock());
    using others = new PostgresPages(other, new DrivenClock());
    await append(own.database, pages, 'lost', 1);
    await other.transact(async (transaction) => {
      await transaction.run('DELETE FROM penstock.page');
      await transaction.run('UPDATE penstock.head SET sequence = 0, records = 0, bytes = 0');
    });
    const [kept] = await append(other, others, 'kept', 3);

    expect(comparable(await pages.read(START))).toEqual(comparable(kept));
  });

  test('small pages are read ahead, a few hundred kilobytes at a time', async () => {
    await using own = await ownPages();
    await using other = connect(own.database.place);
    using pages = new PostgresPages(own.database, new DrivenClock());
    using others = new PostgresPages(other, new DrivenClock());
    for (let index = 0; index < 100; index += 1) await append(own.database, pages, `${index}`, 1);
    let queries = 0;
    const counting = new Proxy(other, {
      get: (target, name) => {
        if (name === 'query') queries += 1;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    using counted = new PostgresPages(counting, new DrivenClock());

    const read = await readAll(counted);

    expect(read.map((one) => one?.sequence)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(queries).toBeLessThanOrEqual(4);
    expect(await others.read({ sequence: 100, offset: 1 })).toBeUndefined();
  });
});
