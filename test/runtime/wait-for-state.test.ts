import { expect, it } from 'vitest';
import type { LoadedConfig } from '../../src/runtime/reload.ts';
import { openWhenAvailable } from '../../src/runtime/wait-for-state.ts';
import { StateError } from '../../src/core/errors.ts';
import { JournalWriteError, StateDiskError } from '../../src/journal/journal.ts';
import { createLogger } from '../../src/observe/log.ts';
import { DrivenClock } from '../support/driven-clock.ts';

/** Opens what fails with these errors first, while time passes. */
async function opened(failures: readonly Error[], { waitsForDisk = true, stopped = false } = {}) {
  const clock = new DrivenClock();
  const lines: string[] = [];
  const stop = new AbortController();
  const host = { clock, stop: stop.signal };
  const log = await createLogger({
    level: 'info',
    format: 'json',
    stream: { write: (line) => lines.push(line) },
  });
  const troubles: string[] = [];
  const left = [...failures];
  const open = async () => {
    const failure = left.shift();
    if (failure === undefined) return 'opened';
    if (stopped) stop.abort();
    throw failure;
  };
  const loaded = { log } as unknown as LoadedConfig;
  const opening = openWhenAvailable({
    host,
    loaded,
    waitsForDisk,
    open,
    onWait: ({ detail }) => troubles.push(detail),
  });
  const result = await Promise.allSettled([opening, clock.advance(60_000)]);
  return { result: result[0], lines, troubles };
}

it('a daemon that was running waits for a disk that is full, and logs each reason once', async () => {
  const failures = [new StateDiskError('full'), new StateDiskError('full'), new JournalWriteError('failed')];

  const { result, lines, troubles } = await opened(failures);

  expect(result).toEqual({ status: 'fulfilled', value: 'opened' });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { message: 'Waiting for the state: it cannot be read or written.', error: { message: 'full' } },
    { message: 'Waiting for the state: it cannot be read or written.', error: { message: 'failed' } },
    { message: 'The state is available again.' },
  ]);
  expect(troubles).toEqual(['full', 'full', 'failed']);
});

it('a stop ends the wait', async () => {
  const { result } = await opened([new StateDiskError('full')], { stopped: true });

  expect(result).toEqual({ status: 'fulfilled', value: undefined });
});

it.each([
  ['a daemon that starts does not wait for a full disk', new StateDiskError('full'), false],
  ['a daemon does not wait when only an operator can repair the state', new StateError('corrupt'), true],
])('%s', async (_, failure, waitsForDisk) => {
  const { result } = await opened([failure], { waitsForDisk });

  expect(result).toEqual({ status: 'rejected', reason: failure });
});
