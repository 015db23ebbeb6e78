import { expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { openPatiently } from '../../src/runtime/wait-for-state.ts';
import { Operations } from '../../src/runtime/admin-services.ts';
import type { Plan } from '../../src/cli/set-up.ts';
import { StateError } from '../../src/core/errors.ts';
import { JournalWriteError } from '../../src/journal/sqlite/errors.ts';
import { StateDiskError } from '../../src/journal/sqlite/state-problems.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { createLogger } from '../../src/observe/log.ts';
import { DrivenClock } from '../support/driven-clock.ts';

/** Opens what fails with these errors first, while time passes. */
async function opened(failures: readonly Error[], { outlastsDisk = true, stopped = false } = {}) {
  const clock = new DrivenClock();
  const lines: string[] = [];
  const stop = new AbortController();
  const io = { env: {}, clock, random: seeded(1), startedAt: 0, stop: stop.signal } as unknown as Io;
  const log = createLogger({ level: 'info', format: 'json', stream: { write: (line) => lines.push(line) } });
  await using operations = new Operations(io);
  const left = [...failures];
  const open = async () => {
    const failure = left.shift();
    if (failure === undefined) return 'opened';
    if (stopped) stop.abort();
    throw failure;
  };
  const plan = { log } as unknown as Plan;
  const opening = openPatiently(io, { operations, plan, outlastsDisk, open });
  const result = await Promise.allSettled([opening, clock.advance(60_000)]);
  return { result: result[0], lines };
}

it('a daemon that was running waits for a disk that is full, and says so once', async () => {
  const failures = [new StateDiskError('full'), new StateDiskError('full'), new JournalWriteError('failed')];

  const { result, lines } = await opened(failures);

  expect(result).toEqual({ status: 'fulfilled', value: 'opened' });
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
    'Waiting, because the state cannot be written or read: full',
    'Waiting, because the state cannot be written or read: failed',
    'The state can be used again: going on.',
  ]);
});

it('a stop ends the wait', async () => {
  const { result } = await opened([new StateDiskError('full')], { stopped: true });

  expect(result).toEqual({ status: 'fulfilled', value: undefined });
});

it.each([
  ['a full disk is not waited for at a start', new StateDiskError('full'), false],
  ['what does not pass by itself is not waited for', new StateError('corrupt'), true],
])('%s', async (_, failure, outlastsDisk) => {
  const { result } = await opened([failure], { outlastsDisk });

  expect(result).toEqual({ status: 'rejected', reason: failure });
});
