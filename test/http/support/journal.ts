import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../src/core/clock.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import { afterFile } from '../../support/after-file.ts';

let current: Clock | undefined;
let shared: Promise<Journal> | undefined;

/**
 * One real journal for the tests of a file, because opening one takes longer than most of them; servers of different
 * ports have different quotas. Its clock is the one given last.
 */
export async function sharedJournal(clock: Clock): Promise<Journal> {
  current = clock;
  if (shared === undefined) {
    shared = openAt(await stateFolder(), {
      now: () => current?.now() ?? 0,
      sleep: async (ms, signal) => current?.sleep(ms, signal),
    });
    const opened = shared;
    afterFile(async () => {
      shared = undefined;
      await (await opened)[Symbol.asyncDispose]();
    });
  }
  return shared;
}

/** A folder for a state, removed after the file's tests. */
export async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'penstock-http-'));
  afterFile(() => rm(folder, { recursive: true }));
  return folder;
}

export function openAt(path: string, clock: Clock): Promise<Journal> {
  return openJournal({ path, maxBytes: 1e9, retain: 0, clock });
}
