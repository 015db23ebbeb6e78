import { expect, test } from 'vitest';
import type { OpenStream, PollContext } from '../../src/collect/context.ts';
import { PollRecorder } from '../../src/collect/poll-record.ts';
import { UnavailableError } from '../../src/core/errors.ts';
import { PollStats } from '../../src/core/observers.ts';
import type { PollRecord } from '../../src/journal/collection.ts';
import { DrivenClock } from '../support/driven-clock.ts';

function recording() {
  const records: PollRecord[] = [];
  const clock = new DrivenClock();
  const http = { requests: 4 };
  const context = {
    config: { name: 'console' },
    clock,
    http,
    journal: { polls: { record: async (poll: PollRecord) => void records.push(poll) } },
  } as unknown as PollContext;
  const recorder = new PollRecorder(context, { scope: { id: '' }, state: { key: 's' } } as OpenStream);
  return { records, clock, http, recorder };
}

function stats(rows: number): PollStats {
  return Object.assign(new PollStats(), { rows, new: rows });
}

test('a poll that ends with a complete page needs no record besides that of the page', async () => {
  const { records, clock, http, recorder } = recording();
  http.requests += 1;
  await clock.advance(100);

  const committed = recorder.completedWith(stats(3));
  await clock.advance(5);
  await recorder.end(stats(3), { outcome: 'complete' });

  expect(committed).toMatchObject({ stream: 's', source: 'console', requests: 1, rows: 3, durationMs: 100 });
  expect(committed.outcome).toBe('complete');
  expect(records).toEqual([]);
});

test('a poll that reads on after a complete page, or fails, is recorded as it ended', async () => {
  const { records, recorder } = recording();
  const error = new UnavailableError('No answer.', 'https://vendor.example.com');

  const { at } = recorder.completedWith(stats(3));
  await recorder.end(stats(5), { outcome: 'complete' });
  await recorder.end(stats(3), { outcome: 'failed', error });

  expect(records).toMatchObject([
    { at, rows: 5, outcome: 'complete' },
    { at, rows: 3, outcome: 'UnavailableError', error: 'No answer.' },
  ]);
});
