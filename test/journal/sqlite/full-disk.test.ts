import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StreamState } from '../../../src/journal/collection.ts';
import { openJournal, openJournalReadOnly } from '../../../src/journal/sqlite/open.ts';
import { exportState } from '../../../src/journal/sqlite/transfer.ts';
import { CANNOT_MOUNT, smallDisk, type SmallDisk } from '../../support/small-disk.ts';
import { held } from '../support/commits.ts';
import { options, usedState } from '../support/states.ts';

const WRITER = new URL('../../support/journal-writer.ts', import.meta.url).pathname;

let disk: SmallDisk;
let path: string;
let children: ChildProcess[];

beforeEach(({ skip }) => {
  skip(CANNOT_MOUNT !== undefined, CANNOT_MOUNT);
  disk = smallDisk(8);
  path = join(disk.path, 'state');
  children = [];
});

afterEach(() => {
  if (CANNOT_MOUNT !== undefined) return;
  for (const child of children) child.kill('SIGKILL');
  disk[Symbol.dispose]();
});

/** A process that commits page after page to the state, whatever its disk says. */
function startWriter() {
  const child = spawn(process.execPath, [WRITER, path, 'patient'], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let durable = -1;
  return {
    durable: () => durable,
    /** Reads what it says until it has said this so often. */
    async until(isWanted: (line: string) => boolean, times = 1): Promise<void> {
      for (let seen = 0; seen < times;) {
        const line = await lines.next();
        if (line.done === true) throw new Error('The writer ended.');
        if (line.value !== 'refused') durable = Number(line.value);
        if (isWanted(line.value)) seen += 1;
      }
    },
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

const committed = (line: string) => line !== 'refused';
const refused = (line: string) => line === 'refused';

function lastNumber(stream: StreamState | undefined): number {
  return (stream?.cursor as { number: number } | undefined)?.number ?? -1;
}

/** The last page's number, as a reader beside everybody sees it. */
async function lastRead(): Promise<number> {
  await using view = await openJournalReadOnly(path);
  return lastNumber((await view.streams.all())[0]);
}

describe('a disk that is full for a while', () => {
  it('a process that is killed on a full disk loses nothing, before and after there is space again', async () => {
    for (let round = 0; round < 6; round += 1) {
      const writer = startWriter();
      await writer.until(committed, 10 + 7 * round);
      disk.fill();
      await writer.until(refused, 1 + round);
      const beside = await lastRead();
      await writer.kill();

      const full = await lastRead();
      await disk.free();
      const roomy = await lastRead();

      expect(beside).toBeGreaterThanOrEqual(writer.durable());
      expect(full).toBeGreaterThanOrEqual(writer.durable());
      expect(roomy).toBe(full);
    }
    await using journal = await openJournal(options(path));
    const number = lastNumber((await journal.streams.all())[0]);
    expect(await held(journal)).toHaveLength(20 * (number + 1));
  });

  it('a full disk does not stop a reader beside the holder', async () => {
    const writer = startWriter();
    await writer.until(committed, 20);
    disk.fill();
    await writer.until(refused);

    for (let time = 0; time < 20; time += 1)
      expect(await lastRead()).toBeGreaterThanOrEqual(writer.durable());
    const { streams } = exportState({ path }, 0);

    expect(streams).toHaveLength(1);
    await writer.kill();
  });

  it('an error of a full disk names the path and the free space when a state is opened for writing', async () => {
    await usedState(path);
    disk.fill();

    const opening = openJournal(options(path));

    await expect(opening).rejects.toThrow(new RegExp(`The disk is full: ${path} .*bytes are free there`));
    await disk.free();
    await using journal = await openJournal(options(path));
    expect(await held(journal)).toHaveLength(2);
  });

  it('an error of a full disk names the path when there is no state yet', async () => {
    disk.fill();

    await expect(openJournal(options(path))).rejects.toThrow(`The disk is full: ${path} `);
  });
});

describe('what SQLite would need to make beside a database', () => {
  it('a state that nobody holds can be read on a full disk', async () => {
    await usedState(path);
    disk.fill();

    await using view = await openJournalReadOnly(path);

    expect(await view.streams.all()).toHaveLength(1);
  });

  it.each(['with its index', 'without its index'])(
    'what a kill left in the log can be read %s where nobody may write',
    async (index) => {
      const writer = startWriter();
      await writer.until(committed, 30);
      await writer.kill();
      if (index === 'without its index') await rm(join(path, 'penstock.db-shm'));
      disk.makeReadOnly();

      expect(await lastRead()).toBeGreaterThanOrEqual(writer.durable());
      expect(existsSync(join(path, 'penstock.db-shm'))).toBe(index === 'with its index');
    },
  );

  it('a closed state can be read where nobody may write', async () => {
    await usedState(path);
    disk.makeReadOnly();

    await using view = await openJournalReadOnly(path);

    expect(await view.streams.all()).toHaveLength(1);
  });
});
