import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import type { StateConfig, StatePlace } from '../../src/config/types.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import {
  exportState,
  holderOf,
  importState,
  isStateHeld,
  isStateThere,
  openJournal,
  openJournalForJobs,
  openJournalReadOnly,
  placeInWords,
} from '../../src/journal/open.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const options = { clock: systemClock, command: 'run' };

function directory(path: string): StateConfig {
  return {
    place: { kind: 'directory', path, allowNetworkFs: true },
    maxBytes: 2 ** 30,
    retain: 86_400_000,
  };
}

function inDatabase(url: string): StatePlace {
  return { kind: 'postgres', url: new Secret(url), schema: 'penstock', tls: {}, lease: 15_000 };
}

test('a state in a directory is there once a process has opened it, and held until that process closes it', async () => {
  await using space = await temporaryDirectory();
  const state = directory(join(space.path, 'state'));
  expect(await isStateThere(state)).toBe(false);
  expect(await isStateHeld(state)).toBe(false);
  {
    await using _journal = await openJournal(state, options);

    expect(await isStateThere(state)).toBe(true);
    expect(await isStateHeld(state)).toBe(true);
    expect(await holderOf(state)).toMatchObject({ host: hostname(), pid: process.pid, command: 'run' });
  }
  expect(await isStateThere(state)).toBe(true);
  expect(await isStateHeld(state)).toBe(false);
  expect(await holderOf(state)).toBeUndefined();
});

test('a view and jobs are opened beside the process that holds the state, and create nothing', async () => {
  await using space = await temporaryDirectory();
  const state = directory(join(space.path, 'state'));
  {
    await using view = await openJournalReadOnly(state, options);
    expect(await view.streams.all()).toEqual([]);
  }
  expect(await readdir(space.path)).toEqual([]);

  await using journal = await openJournal(state, options);
  await using beside = await openJournalForJobs(state, options);
  const job = { kind: 'replay', source: undefined, destination: 'siem', details: {} } as const;
  const id = await beside.jobs.enqueue(job, 1);

  expect(await journal.jobs.open()).toMatchObject([{ id, ...job }]);
});

test('a state moves from one place to another', async () => {
  await using space = await temporaryDirectory();
  const [from, to] = [directory(join(space.path, 'from')), directory(join(space.path, 'to'))];
  {
    await using journal = await openJournal(from, options);
    const { key } = await journal.streams.open({
      source: 'console',
      type: 'acme',
      origin: 'https://acme.test',
      account: '',
      scope: 'all',
      cursorVersion: 1,
    });
    await journal.commit({ stream: key, source: 'console', observedAt: 1, cursor: { next: 7 } });
  }

  await importState(to, options, await exportState(from, options));

  await using view = await openJournalReadOnly(to, options);
  expect(await view.streams.all()).toMatchObject([{ source: 'console', scope: 'all', cursor: { next: 7 } }]);
});

test('a place is named in words, without the user and the password of a database', () => {
  expect(placeInWords(directory('/var/lib/penstock').place)).toBe('/var/lib/penstock');
  expect(placeInWords(inDatabase('postgres://ann:s3cret-of-ann@db.test/siem?sslmode=verify-full'))).toBe(
    'db.test:5432/siem, schema penstock',
  );
  expect(placeInWords(inDatabase('postgres://ann:s3cret-of-ann@[::1]:6543/siem'))).toBe(
    '[::1]:6543/siem, schema penstock',
  );
});
