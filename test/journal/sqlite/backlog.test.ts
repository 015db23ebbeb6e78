import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Position } from '../../../src/journal/delivery.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import { page, records, STREAM } from '../support/commits.ts';
import { options, rowsOf } from '../support/states.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let runs = 0;

beforeAll(async () => {
  directory = await temporaryDirectory();
});

afterAll(() => directory[Symbol.asyncDispose]());

interface PageRow {
  readonly sequence: number;
  readonly count: number;
  readonly bytes: number;
  readonly committed: number;
  readonly source: string;
}

const SELECT = `SELECT sequence, count, bytes, committed_at AS committed, source
  FROM page JOIN stream ON stream.id = page.stream ORDER BY sequence`;

/** What waits, by looking at every page. */
function counted(pages: readonly PageRow[], { sequence, offset }: Position) {
  const waiting = pages.filter(
    (one) => one.sequence > sequence || (one.sequence === sequence && one.count > offset),
  );
  const own = waiting.map((one) => one.count - (one.sequence === sequence ? offset : 0));
  const from = (index: number) => waiting.slice(index).reduce((sum, { bytes }) => sum + bytes, 0);
  const newest = (isBeyond: (one: PageRow, index: number) => boolean) => waiting.findLast(isBeyond)?.sequence;
  return {
    records: own.reduce((sum, count) => sum + count, 0),
    beyondBytes: (most: number) => newest((_, index) => from(index) > most && index < waiting.length - 1),
    beyondAge: (before: number) => newest(({ committed }) => committed < before),
  };
}

const scenario = fc.record({
  pages: fc.array(fc.record({ count: fc.integer({ min: 1, max: 4 }), wait: fc.nat(50), own: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
  }),
  trimmed: fc.nat(6),
  sequence: fc.nat(13),
  offset: fc.nat(4),
  bytes: fc.nat(3_000),
  age: fc.nat(300),
});

test('what waits behind a position is what counting every page says, of all sources and of some', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ pages, trimmed, sequence, offset, bytes, age }) => {
      const clock = new DrivenClock();
      const path = join(directory.path, `${(runs += 1)}`);
      await using journal = await openJournal(options(path, { clock }));
      const other = await journal.streams.open({ ...STREAM, source: 'other', scope: 'other' });
      await journal.streams.open(STREAM);
      await journal.destinations.open(['siem'], clock.now());
      for (const { count, wait, own } of pages) {
        await clock.advance(wait);
        const of = own ? {} : { stream: other.key, source: 'other' };
        await journal.commit(page({ ...of, records: records(count) }));
      }
      const ack = (position: Position) =>
        journal.acknowledge('siem', { position, response: '200', now: clock.now() });
      await ack({ sequence: trimmed, offset: 0 });
      await journal.trim(clock.now());
      const position = { sequence: Math.max(sequence, trimmed), offset };
      await ack(position);

      const rows = rowsOf<PageRow>(join(path, 'penstock.db'), SELECT);
      for (const sources of [undefined, ['console'], ['other']]) {
        const expected = counted(
          rows.filter(({ source }) => sources?.includes(source) ?? true),
          position,
        );
        const beyond = async (limit: { readonly bytes: number } | { readonly age: number }) => {
          const end = await journal.destinations.backlogBeyond('siem', limit, clock.now(), sources);
          return end && end.sequence - 1;
        };
        expect(await journal.destinations.waiting('siem', sources)).toBe(expected.records);
        expect(await beyond({ bytes })).toBe(expected.beyondBytes(bytes));
        expect(await beyond({ age })).toBe(expected.beyondAge(clock.now() - age));
      }
    }),
    { numRuns: 25 },
  );
});
