import { expect, it } from 'vitest';
import { StateError } from '../../src/core/errors.ts';
import { retry } from '../../src/runtime/destination-jobs.ts';
import type { RunningJob } from '../../src/runtime/jobs.ts';
import { DrivenClock } from '../support/driven-clock.ts';

it('a job for a destination that accepts nothing fails when the state can no longer be used', async () => {
  const delivery = {
    destination: { name: 'siem' },
    state: { kind: 'paused', since: 0, reason: 'HTTP 403' },
    redeliver: () => new Promise(() => {}),
  };
  const job = {
    app: { clock: new DrivenClock(), journal: { deadLetters: { ids: async () => [1] } } },
    signal: new AbortController().signal,
    destination: { delivery },
    spec: { destination: 'siem' },
    note: () => Promise.reject(new StateError('The schema was dropped.')),
  } as unknown as RunningJob<'retry'>;

  await expect(retry(job)).rejects.toThrow('The schema was dropped.');
});
