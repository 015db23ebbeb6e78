import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PostgresPlace } from '../../../src/config/types.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { JournalWriteError, type PageCommit } from '../../../src/journal/journal.ts';
import type { Hold } from '../../../src/journal/leases.ts';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import type { PostgresJournal } from '../../../src/journal/postgres/postgres-journal.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { type Fate, type PostgresProxy, startProxy } from '../../support/postgres-proxy.ts';
import { held, KEY, page, records, STREAM } from '../support/commits.ts';
import { placeAt } from '../support/databases.ts';
import { CONSOLE, CONTENT } from '../support/replicas.ts';

const POLL = {
  stream: KEY,
  source: STREAM.source,
  durationMs: 1,
  requests: 1,
  rows: 3,
  new: 3,
  changed: 0,
  outcome: 'complete',
};

/** A page that changes something of everything. */
function numbered(number: number): PageCommit {
  return page({
    records: records(3, `page ${number}`),
    ledger: [{ key: `${number}`, at: number, uid: `page ${number}-0`, value: {} }],
    forgetBefore: -1,
    cursor: { number },
    covered: { from: number, to: number + 1 },
    gaps: [{ from: 10 * number, to: 10 * number + 5, reason: 'page-limit', part: '' }],
    poll: { ...POLL, at: number },
    complete: true,
  });
}

/** Takes the source, which is free or becomes so, and says which page is next. */
async function take(journal: PostgresJournal): Promise<{ hold: Hold; number: number }> {
  for (;;) {
    const [hold] = (await journal.leases?.take([CONSOLE])) ?? [];
    if (hold === undefined) {
      // A transaction that broke still had it locked when it was released.
      await journal.leases?.renew(CONTENT);
      continue;
    }
    const { cursor } = await journal.streams.open(STREAM);
    return { hold, number: cursor === undefined ? 0 : (cursor as { number: number }).number + 1 };
  }
}

describe.skipIf(NO_POSTGRES)('a commit to PostgreSQL', () => {
  let opened: AsyncDisposableStack;
  let proxy: PostgresProxy;
  let place: PostgresPlace;

  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    const own = opened.use(await ownSchema());
    proxy = opened.use(await startProxy(own.url));
    place = placeAt(own.url, { schema: own.schema });
  });
  afterEach(() => opened.disposeAsync());

  /** A replica, behind the proxy if it is to be disturbed. */
  async function replica(url = place.url): Promise<PostgresJournal> {
    const settings = { clock: systemClock, maxBytes: 2 ** 31, retain: 0, fencing: 'held' } as const;
    const journal = await openPostgres({ ...settings, place: { ...place, url }, command: 'run' });
    opened.use(journal);
    return journal;
  }

  /** Statements of a commit, from BEGIN to COMMIT, in the order in which they are sent. */
  async function statementsOf(journal: PostgresJournal, commit: PageCommit): Promise<readonly string[]> {
    const before = proxy.statements.length;
    await journal.commit(commit);
    return proxy.statements.slice(before).map(({ sql }) => sql.trim());
  }

  test('waits twice: for the fence, and for all the rest with COMMIT', async () => {
    const journal = await replica(placeAt(proxy.url).url);
    await take(journal);
    const locked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    let isLocked = false;
    proxy.onStatement = ({ sql }): Fate => {
      if (/UPDATE \S+lease /.test(sql)) return { answer: locked.promise };
      if (!isLocked && !sql.includes('BEGIN')) throw new Error(`${sql} did not wait for the fence.`);
      return sql.includes('BEGIN') ? { answer: Promise.resolve() } : { answer: answered.promise };
    };

    const commit = journal.commit(numbered(0));
    await proxy.saw('lease');
    isLocked = true;
    locked.resolve();
    // It is sent although nothing before it was answered.
    await proxy.saw('COMMIT');
    answered.resolve();
    await commit;

    expect(await held(journal)).toHaveLength(3);
  });

  test('locks lease, stream and head in this order, and the head last', async () => {
    const journal = await replica(placeAt(proxy.url).url);
    await take(journal);

    const statements = await statementsOf(journal, numbered(0));

    const tables = statements.flatMap(
      (sql) => /(?:UPDATE|WITH head AS \(\s*UPDATE) \S+\.(lease|stream|head) /.exec(sql)?.[1] ?? [],
    );
    expect([...new Set(tables)]).toEqual(['lease', 'stream', 'head']);
    expect(statements[0]).toMatch(/^BEGIN/);
    expect(statements.at(-2)).toMatch(/^WITH head AS/);
    expect(statements.at(-1)).toBe('COMMIT');
  });

  test('without records it does not lock the head', async () => {
    const journal = await replica(placeAt(proxy.url).url);
    await take(journal);

    const statements = await statementsOf(journal, page({ cursor: { number: 0 } }));

    expect(statements.some((sql) => sql.includes('head'))).toBe(false);
    expect(statements.at(-1)).toBe('COMMIT');
  });

  test('is whole or not there, wherever the connection breaks, and the next hold goes on from what is there', async () => {
    const journal = await replica(placeAt(proxy.url).url);
    const { hold, number: first } = await take(journal);
    const { length } = await statementsOf(journal, numbered(first));
    await journal.leases?.release([hold]);
    const went: string[] = [];

    for (const fate of ['cut', 'cut-answer'] as const)
      for (let at = 0; at < length; at += 1) {
        const before = await take(journal);
        cutAt(at, fate);
        await expect(journal.commit(numbered(before.number))).rejects.toBeInstanceOf(JournalWriteError);
        proxy.onStatement = undefined;
        await journal.leases?.release([before.hold]);
        const after = await take(journal);
        went.push(after.number === before.number ? 'rolled back' : 'committed');
        // The new holder commits the page that it finds missing.
        if (after.number === before.number) await journal.commit(numbered(after.number));
        await journal.leases?.release([after.hold]);
      }

    const pages = 1 + went.length;
    // An answer that is lost may be followed by a COMMIT that is not: it was sent already.
    expect(new Set(went.slice(0, length))).toEqual(new Set(['rolled back']));
    expect(went.at(-1)).toBe('committed');
    expect(await held(journal)).toEqual(
      Array.from({ length: 3 * pages }, (_, index) => `page ${Math.floor(index / 3)}-${index % 3}`),
    );
    expect(await journal.streams.all()).toMatchObject([{ cursor: { number: pages - 1 }, ledger: pages }]);
    expect(await journal.coverage.of(KEY)).toEqual([{ from: 0, to: pages }]);
    expect(await journal.gaps.of(KEY)).toHaveLength(pages);
    expect(await journal.polls.last(KEY, 50)).toHaveLength(pages);
  });

  /** Lets the connection of the next commit break at its statement of this index, before or after it was carried out. */
  function cutAt(at: number, fate: 'cut' | 'cut-answer'): void {
    let connection: number | undefined;
    let index = 0;
    proxy.onStatement = (statement) => {
      if (connection === undefined && statement.sql.includes('BEGIN')) ({ connection } = statement);
      if (statement.connection !== connection) return undefined;
      index += 1;
      return index === at + 1 ? fate : undefined;
    };
  }
});
