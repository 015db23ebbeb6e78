import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StateError } from '../../../src/core/errors.ts';
import { JournalWriteError } from '../../../src/journal/journal.ts';
import type { Database } from '../../../src/journal/postgres/database.ts';
import { NO_POSTGRES, sharedPostgres, startPostgres } from '../../support/postgres.ts';
import { startProxy } from '../../support/postgres-proxy.ts';
import { connect, ownDatabase, placeAt } from '../support/databases.ts';

const INSERT = 'INSERT INTO penstock.state (subject, value) VALUES ($1, $2)';

describe.skipIf(NO_POSTGRES)('the database of a state', () => {
  let own: Awaited<ReturnType<typeof ownDatabase>>;
  let database: Database;

  beforeAll(async () => {
    own = await ownDatabase();
    ({ database } = own);
  });
  afterAll(() => own[Symbol.asyncDispose]());

  const stored = async (subject: string) => {
    const rows = await database.query<{ value: string }>(
      'SELECT value FROM penstock.state WHERE subject = $1',
      [subject],
    );
    return rows.map(({ value }) => value);
  };

  test('numbers, bytes and truth values come back as such, and text without NUL and half pairs', async () => {
    const [row] = await database.query(
      'SELECT $1::bigint AS large, $2::bytea AS bytes, $3::boolean AS truth, $4::text AS text, $5::text[] AS texts, $6::text AS nothing',
      [2 ** 52, Uint8Array.of(0, 92, 255), false, 'a\0b\uD800', ['\0', 'x"y'], undefined],
    );

    expect(row).toEqual({
      large: 2 ** 52,
      bytes: Buffer.of(0, 92, 255),
      truth: false,
      text: 'a\u{FFFD}b\u{FFFD}',
      texts: '{\u{FFFD},"x\\"y"}',
      nothing: null,
    });
  });

  test('statements of a transaction are stored together', async () => {
    await database.transact(async (transaction) => {
      await Promise.all([transaction.run(INSERT, ['both', '1']), transaction.last(INSERT, ['too', '2'])]);
    });

    expect([await stored('both'), await stored('too')]).toEqual([['1'], ['2']]);
  });

  test('behind a BEGIN that was refused no second statement is sent, and nothing passes for committed', async () => {
    const { place } = database;
    // The server refuses the whole of a BEGIN with this.
    await using refused = connect({ ...place, lease: -Infinity });
    const writes = refused.transact(async (transaction) => {
      await transaction.query('SELECT 1');
      await transaction.last(INSERT, ['unbegun', '1']);
    });
    await expect(writes).rejects.toThrow(/syntax error/);
    await expect(refused.transact((transaction) => transaction.commit())).rejects.toThrow(/syntax error/);
    expect(await stored('unbegun')).toEqual([]);
  });

  test('nothing of a transaction is stored when a statement fails, also one whose COMMIT was sent with it', async () => {
    const early = database.transact(async (transaction) => {
      await transaction.run(INSERT, ['early', '1']);
      await transaction.run(INSERT, ['early', '2']);
    });
    const late = database.transact(async (transaction) => {
      await Promise.all([transaction.run(INSERT, ['late', '1']), transaction.last(INSERT, ['late', '2'])]);
    });

    await Promise.all([early, late].map((one) => expect(one).rejects.toThrow('duplicate key')));
    expect([await stored('early'), await stored('late')]).toEqual([[], []]);
  });

  test('nothing of a transaction is stored when the work fails, and its connection serves the next one', async () => {
    for (let run = 0; run < 10; run += 1) {
      const failing = database.transact(async (transaction) => {
        await transaction.run(INSERT, ['failed', '1']);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
    }

    expect(await stored('failed')).toEqual([]);
  });

  test('a connection that does not answer to ROLLBACK is not used again', async () => {
    await using proxy = await startProxy(database.place.url.reveal());
    const place = { ...database.place, url: placeAt(proxy.url).url, lease: 3_000 };
    await using proxied = connect(place);
    const never = new Promise(() => undefined);
    proxy.onStatement = ({ sql }) => (sql === 'ROLLBACK' ? { answer: never } : undefined);

    const failing = proxied.transact(async (transaction) => {
      await transaction.query('SELECT 1');
      throw new Error('no');
    }, 'renewal');
    await expect(failing).rejects.toThrow('no');
    const next = proxied.transact((transaction) => transaction.last('SELECT 2 AS two'), 'renewal');

    expect(await next).toEqual([{ two: 2 }]);
  });

  test('a statement that failed unseen fails the transaction', async () => {
    const unseen = database.transact(async (transaction) => {
      transaction.run('SELECT 1 / 0').catch(() => undefined);
      transaction.run(INSERT, ['unseen', '1']).catch(() => undefined);
    });

    await expect(unseen).rejects.toBeInstanceOf(JournalWriteError);
    expect(await stored('unseen')).toEqual([]);
  });

  test('commits are synchronous whatever the role prefers, and no transaction waits long for its client', async () => {
    const server = await sharedPostgres();
    await server.query("ALTER ROLE postgres SET synchronous_commit = 'off'");

    const shown = await database.transact((transaction) =>
      transaction.last(
        `SELECT current_setting('synchronous_commit') AS commit, current_setting('lock_timeout') AS lock,
           current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('transaction_isolation') AS isolation`,
      ),
    );

    expect(shown).toEqual([{ commit: 'on', lock: '6s', idle: '6s', isolation: 'read committed' }]);
  });

  test('a server that is away is a failure that may pass, and the next statement after it came back succeeds', async () => {
    await using server = await startPostgres();
    await using away = connect(placeAt(server.url()));
    await away.query('SELECT 1');

    const broken = away.transact(async (transaction) => {
      await transaction.run('SELECT 1');
      await server.stop('immediate');
      await transaction.run('SELECT 2');
    });
    await expect(broken).rejects.toBeInstanceOf(JournalWriteError);
    await expect(away.query('SELECT 3')).rejects.toThrow(/does not answer: .*ECONNREFUSED/);
    await server.restart();

    expect(await away.query('SELECT 4 AS four')).toEqual([{ four: 4 }]);
  });

  test('a server that accepts no writes now, as a standby or one with a full disk, is a failure that may pass', async () => {
    await using server = await startPostgres();
    await server.query('CREATE ROLE penstock LOGIN SUPERUSER');
    await server.query('ALTER ROLE penstock SET default_transaction_read_only = on');
    await using standby = connect(placeAt(server.url({ user: 'penstock' })));

    const written = standby.transact((transaction) => transaction.run('CREATE SCHEMA penstock'));

    await expect(written).rejects.toBeInstanceOf(JournalWriteError);
    await expect(written).rejects.toThrow('read-only transaction');
  });

  test('a database that hangs does not hold up the end of the process', async () => {
    await using server = await startPostgres();
    const hanging = connect(placeAt(server.url()));
    await hanging.query('SELECT 1');
    await server.pause();
    const unanswered = hanging.query('SELECT 2 AS two');
    await turn();

    await expect(hanging[Symbol.asyncDispose]()).resolves.toBeUndefined();
    await server.resume();
    expect(await unanswered).toEqual([{ two: 2 }]);
  });

  test('a role that is refused is told what to do, and no message has the password', async () => {
    await using server = await startPostgres({ auth: 'scram-sha-256' });
    await using refused = connect(placeAt(server.url({ password: 'wrong-secret' })));
    await using unknown = connect(placeAt(server.url({ database: 'other' })));

    const errors = await Promise.all(
      [refused, unknown].map((one) => one.query('SELECT 1').then(String, (error: unknown) => error)),
    );

    expect(errors.every((error) => error instanceof StateError)).toBe(true);
    expect(errors.map((error) => (error as Error).message)).toEqual([
      expect.stringMatching(
        /^The database at 127.0.0.1:\d+\/postgres refuses role postgres: password auth.*Check the user/,
      ),
      expect.stringMatching(/database "other" does not exist. Create it/),
    ]);
    expect(errors.map(String).join(' ')).not.toContain('wrong-secret');
  });
});
