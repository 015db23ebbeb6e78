import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Journal } from '../../../src/journal/journal.ts';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import { memoryJournal } from '../../../src/journal/sqlite/memory.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { STREAM } from '../support/commits.ts';
import { placeAt } from '../support/databases.ts';
import { anyStep, DESTINATIONS, keyOf, PLACES, prepare, SOURCES, type Step } from '../support/steps.ts';

/** All that a journal says of a destination's backlog, of all sources and of some. */
function backlogsOf({ destinations }: Journal, name: string, now: number) {
  return Promise.all(
    [undefined, ['desk'], SOURCES].map(async (sources) => ({
      waiting: await destinations.waiting(name, sources),
      oldest: await destinations.oldestWaiting(name, sources),
      large: await destinations.backlogBeyond(name, { bytes: 500 }, now, sources),
      old: await destinations.backlogBeyond(name, { age: 5 }, now, sources),
    })),
  );
}

function ofEach<T>(read: (stream: string) => Promise<T>): Promise<T[]> {
  return Promise.all(PLACES.map((place) => read(keyOf(place))));
}

/** All that a journal says, but for what its tables take and for the order of rows that are equally old. */
async function contentOf(journal: Journal, now: number) {
  const { streams, coverage, gaps, ledger, polls, destinations, deadLetters } = journal;
  return {
    streams: await streams.all(),
    cursors: await streams.cursors(STREAM),
    coverage: await ofEach((stream) => coverage.of(stream)),
    gaps: new Set(await gaps.of()),
    ledgers: await ofEach((stream) => ledger.withPrefix(stream, 'k')),
    sizes: await Promise.all(SOURCES.map((source) => ledger.sizeOf(source))),
    polls: await ofEach((stream) => polls.last(stream, 5)),
    destinations: await destinations.all(),
    missed: await destinations.gaps(),
    backlogs: await Promise.all([...DESTINATIONS, 'unknown'].map((name) => backlogsOf(journal, name, now))),
    deadLetters: (await deadLetters.of()).map((letter) => ({ ...letter, id: undefined })),
    rejected: await deadLetters.bytes(),
    outlines: await Promise.all(DESTINATIONS.map((name) => deadLetters.outline(name))),
    first: (await journal.pages.read({ sequence: 0, offset: 0 }))?.sequence,
    waiting: (await journal.stats()).events,
  };
}

async function outcomeOf(journal: Journal, clock: DrivenClock, steps: readonly Step[]) {
  await prepare(journal, clock);
  const results: unknown[] = [];
  for (const step of steps) results.push(await step(journal, clock));
  return { results, content: await contentOf(journal, clock.now()) };
}

async function onSqlite(steps: readonly Step[]) {
  const clock = new DrivenClock();
  await using journal = memoryJournal(clock);
  return await outcomeOf(journal, clock, steps);
}

async function onPostgres(steps: readonly Step[]) {
  const clock = new DrivenClock();
  await using own = await ownSchema();
  const place = placeAt(own.url, { schema: own.schema });
  await using journal = await openPostgres({ place, clock, maxBytes: 2 ** 30, retain: 0 });
  return await outcomeOf(journal, clock, steps);
}

describe.skipIf(NO_POSTGRES)('the PostgreSQL journal', () => {
  test('says what the SQLite journal says, after any commits, responses, skips and trims', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 20 }), async (steps) => {
        expect(await onPostgres(steps)).toEqual(await onSqlite(steps));
      }),
      { numRuns: 20 },
    );
  });
});
