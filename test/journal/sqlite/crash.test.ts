import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StreamState } from '../../../src/journal/collection.ts';
import { openJournal, openJournalForQuotas, openJournalReadOnly } from '../../../src/journal/sqlite/open.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { held, KEY } from '../support/commits.ts';
import { options } from '../support/states.ts';

const WRITER = new URL('../../support/journal-writer.ts', import.meta.url).pathname;

interface Writer {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly lines: AsyncIterator<string>;
}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;
let children: Writer['child'][];

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, 'state');
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await directory[Symbol.asyncDispose]();
});

function startWriter(mode = '', limit = 'unlimited'): Writer {
  const command = `ulimit -f ${limit}; exec "${process.execPath}" "${WRITER}" "${path}" ${mode}`;
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

/** Waits for so many pages to be durable, and returns the last one's number. */
async function afterPages({ lines, child }: Writer, count: number): Promise<number> {
  let last = -1;
  for (let seen = 0; seen < count; seen += 1) {
    const line = await lines.next();
    if (line.done === true) throw new Error(`The writer ended: ${String(child.stderr.read())}`);
    last = Number(line.value);
  }
  return last;
}

async function kill({ child }: Writer): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The number of the last page that was committed, by the stream's cursor. */
function lastNumber(stream: StreamState | undefined): number {
  return (stream?.cursor as { number: number } | undefined)?.number ?? -1;
}

test('after a kill every durable page is there with its ledger, cursor and coverage', async () => {
  let durable = -1;
  for (const pages of [1, 7, 25]) {
    const writer = startWriter();
    durable = await afterPages(writer, pages);
    await kill(writer);
  }

  await using journal = await openJournal(options(path));

  const [stream] = await journal.streams.all();
  const number = lastNumber(stream);
  const uids = await held(journal);
  expect(number).toBeGreaterThanOrEqual(durable);
  expect(uids).toHaveLength(20 * (number + 1));
  expect(new Set(uids).size).toBe(uids.length);
  expect(uids.at(-1)).toBe(`page ${number}-19`);
  expect(stream?.ledger).toBe(number + 1);
  expect(await journal.coverage.of(KEY)).toEqual([{ from: 0, to: number + 1 }]);
});

test('the lock of a killed process can be taken, and before the kill nobody else gets it', async () => {
  const writer = startWriter();
  await afterPages(writer, 1);

  await expect(openJournal(options(path))).rejects.toThrow(`in use by process ${writer.child.pid} on host`);
  await kill(writer);
  await using journal = await openJournal(options(path));

  expect(await journal.streams.all()).toHaveLength(1);
});

test('another process reads and spends quotas beside the holder, and neither waits', async () => {
  const writer = startWriter('unhurried');
  await afterPages(writer, 1);

  await using view = await openJournalReadOnly(path);
  await using beside = await openJournalForQuotas({ path });
  const before = await view.destinations.waiting('siem');
  await afterPages(writer, 20);
  const after = await view.destinations.waiting('siem');
  const spent = await beside.quotas.spend('b', { requests: 1, per: 1000 }, 5);
  await afterPages(writer, 20);

  expect(before).toBeGreaterThanOrEqual(20);
  // The writer prints a page's number after its commit, so some of the twenty may be in the first count already.
  expect(after).toBeGreaterThan(before);
  expect(spent).toBe(0);
  expect(await view.quotas.available('b', { requests: 1, per: 1000 }, 5)).toBe(0);
});

test('a commit without space fails as a whole, can be tried again, and the state is sound', async () => {
  // A limit on the size of files is what an unprivileged test can have of a full disk.
  const writer = startWriter('until-full', '700');
  const lines: string[] = [];
  for (let line = await writer.lines.next(); line.done !== true; line = await writer.lines.next())
    lines.push(line.value);

  await using journal = await openJournal(options(path));

  const [stream] = await journal.streams.all();
  const number = lastNumber(stream);
  expect(lines.at(-1)).toBe('JournalWriteError JournalWriteError');
  expect(number).toBe(lines.length - 2);
  expect(await held(journal)).toHaveLength(20 * (number + 1));
  expect(stream?.ledger).toBe(number + 1);
});
