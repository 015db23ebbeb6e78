import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PostgresPlace } from '../../../src/config/types.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import type { PostgresJournal } from '../../../src/journal/postgres/postgres-journal.ts';
import { NO_POSTGRES, ownSchema, sharedPostgres } from '../../support/postgres.ts';
import { held, letters, page, records, STREAM } from '../support/commits.ts';
import { placeAt } from '../support/databases.ts';

const DAY = 24 * 60 * 60_000;

/** Pages of one event each. */
async function commitPages(journal: PostgresJournal, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1)
    await journal.commit(page({ records: records(1, `${index}`) }));
}

async function deliver(journal: PostgresJournal, sequence: number): Promise<void> {
  await journal.acknowledge('siem', { position: { sequence, offset: 0 }, response: '200', now: 0 });
}

describe.skipIf(NO_POSTGRES)('room in PostgreSQL', () => {
  let opened: AsyncDisposableStack;
  let place: PostgresPlace;

  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    const own = opened.use(await ownSchema());
    place = placeAt(own.url, { schema: own.schema });
  });
  afterEach(() => opened.disposeAsync());

  async function open(maxBytes: number, retain = 0): Promise<PostgresJournal> {
    const journal = opened.use(await openPostgres({ place, clock: systemClock, maxBytes, retain }));
    await journal.streams.open(STREAM);
    await journal.destinations.open(['siem'], systemClock.now());
    return journal;
  }

  test('a journal is full at its cap and critical a quarter above, whatever was trimmed before', async () => {
    const filling = await open(2 ** 30);
    await commitPages(filling, 12);
    await deliver(filling, 3);
    await filling.trim(systemClock.now());
    const server = await sharedPostgres();
    const [pages] = await server.query<{ bytes: number }>(
      `SELECT sum(bytes)::integer AS bytes FROM ${place.schema}.page`,
    );
    const bytes = pages?.bytes ?? 0;

    const rooms = await Promise.all(
      [bytes + 1, bytes, Math.ceil(bytes / 1.25) + 1, Math.floor(bytes / 1.25)].map(async (cap) =>
        (await open(cap)).room(systemClock.now()),
      ),
    );

    expect(await held(filling)).toHaveLength(10);
    expect(rooms).toEqual(['free', 'full', 'full', 'critical']);
  });

  test('dead letters take room until they are settled', async () => {
    const journal = await open(1_200);
    const now = systemClock.now();
    const rejected = letters(2, 'x'.repeat(500));
    await journal.acknowledge('siem', {
      position: { sequence: 0, offset: 1 },
      response: '400',
      now,
      deadLetters: rejected,
    });

    const before = await journal.room(now);
    await journal.deadLetters.settle('siem', await journal.deadLetters.ids('siem'), []);

    expect(before).toBe('full');
    expect(await journal.deadLetters.bytes()).toBe(0);
    expect(await journal.room(now)).toBe('free');
  });

  test('a full journal gives up delivered pages before they were kept long enough, and no others', async () => {
    const journal = await open(1, DAY);
    await commitPages(journal, 5);
    await deliver(journal, 4);
    await journal.trim(systemClock.now());
    const kept = await held(journal);

    const room = await journal.room(systemClock.now());

    expect(kept).toHaveLength(5);
    expect(room).toBe('critical');
    expect(await held(journal)).toEqual(['3-0', '4-0']);
  });

  test('replicas that trim at the same time remove what is delivered, and nothing else', async () => {
    const journals = await Promise.all([open(2 ** 30), open(2 ** 30), open(2 ** 30)]);
    const [one] = journals;
    if (one === undefined) throw new Error('There are three.');
    await commitPages(one, 60);
    for (const sequence of [20, 40, 51]) {
      await deliver(one, sequence);
      await Promise.all(journals.map((journal) => journal.trim(systemClock.now())));
    }

    expect(await held(one)).toHaveLength(10);
    expect(await one.destinations.waiting('siem')).toBe(10);
  });
});
