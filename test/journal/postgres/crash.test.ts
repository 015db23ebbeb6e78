import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { held, KEY } from '../support/commits.ts';
import { placeAt } from '../support/databases.ts';

const WRITER = new URL('../../support/journal-writer.ts', import.meta.url).pathname;

/** A process that commits page after page. */
interface Writer {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  readonly lines: AsyncIterator<string>;
}

describe.skipIf(NO_POSTGRES)('crashes beside PostgreSQL', () => {
  let server: PostgresServer;
  let children: Writer['child'][];

  beforeEach(async () => {
    server = await startPostgres();
    children = [];
  });
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await server[Symbol.asyncDispose]();
  });

  function startWriter(mode = ''): Writer {
    const state = `${server.url()}#penstock`;
    const child = spawn(process.execPath, [WRITER, state, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }

  /** Waits for so many more pages to be durable, and returns the last one's number. */
  async function afterPages({ lines }: Writer, count: number): Promise<number> {
    let last = -1;
    for (let seen = 0; seen < count;) {
      const line = await lines.next();
      if (line.done === true) throw new Error('The writer ended.');
      if (line.value === 'refused') continue;
      last = Number(line.value);
      seen += 1;
    }
    return last;
  }

  async function kill({ child }: Writer): Promise<void> {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Opens the state, and checks that each page is there once, with all that belongs to it, up to at least this one. */
  async function expectWhole(durable: number): Promise<void> {
    await using journal: Journal = await openPostgres({
      place: placeAt(server.url()),
      clock: systemClock,
      maxBytes: 2 ** 31,
      retain: 0,
    });
    const [stream] = await journal.streams.all();
    const number = (stream?.cursor as { number: number } | undefined)?.number ?? -1;
    const uids = await held(journal);
    expect(number).toBeGreaterThanOrEqual(durable);
    expect(uids).toEqual(
      Array.from({ length: 20 * (number + 1) }, (_, index) => `page ${Math.floor(index / 20)}-${index % 20}`),
    );
    expect(stream?.ledger).toBe(number + 1);
    expect(await journal.coverage.of(KEY)).toEqual([{ from: 0, to: number + 1 }]);
    expect(await journal.destinations.waiting('siem')).toBe(uids.length);
  }

  test('after kills of the process every durable page is there once, with its ledger, cursor and coverage', async () => {
    let durable = -1;
    for (const pages of [1, 9, 26, 4]) {
      const writer = startWriter();
      durable = await afterPages(writer, pages);
      await kill(writer);
    }

    await expectWhole(durable);
  });

  test('after crashes of PostgreSQL nothing durable is lost, and whoever wrote goes on by itself', async () => {
    const writer = startWriter('patient');
    await afterPages(writer, 20);
    for (let crash = 0; crash < 3; crash += 1) {
      await server.stop('immediate');
      await server.restart();
      await afterPages(writer, 25);
    }
    const durable = await afterPages(writer, 1);
    await kill(writer);

    await expectWhole(durable);
  });
});
