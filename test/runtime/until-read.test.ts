import { describe, expect, it } from 'vitest';
import { JournalWriteError } from '../../src/journal/journal.ts';
import type { App } from '../../src/runtime/app.ts';
import { untilDelivered } from '../../src/runtime/delivered.ts';
import { FreeHolds } from '../../src/runtime/free-holds.ts';
import { untilRead } from '../../src/runtime/until-read.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const AWAY = new JournalWriteError('The database does not answer.');

const leases = { renew: async () => undefined, take: async () => [] };

/** Rejects the first time that it is called. */
function awayAtFirst<T>(answer: T): () => Promise<T> {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls === 1) throw AWAY;
    return answer;
  };
}

describe('a database that is away at one moment', () => {
  it('does not end the wait for deliveries', async () => {
    const clock = new DrivenClock();
    const journal = { leases, pages: { newest: awayAtFirst(1) } };
    const parts = { config: { destinations: [] }, journal, clock, delivering: new AbortController().signal };

    const delivered = untilDelivered(parts as unknown as App);
    const [result] = await Promise.allSettled([delivered, clock.advance(1_000)]);

    expect(result).toEqual({ status: 'fulfilled', value: [] });
  });

  it('does not end a command that orders its sources', async () => {
    const clock = new DrivenClock();
    const journal = { leases, streams: { all: awayAtFirst([]) } };
    const { signal } = new AbortController();
    const parts = { journal, leases, clock, signal, lease: 15_000 };
    const holds = new FreeHolds(parts as unknown as ConstructorParameters<typeof FreeHolds>[0]);
    const sources = ['one', 'other'].map((name) => ({ kind: 'source', name }) as const);

    const run = holds.run(
      sources,
      async () => undefined,
      async (all) => all,
    );
    const [result] = await Promise.allSettled([run, clock.advance(10_000)]);

    expect(result).toEqual({ status: 'fulfilled', value: undefined });
  });

  it('fails a read when the deadline comes first, and at once where the state is on a disk', async () => {
    const clock = new DrivenClock();
    const deadline = new AbortController();
    const read = async () => Promise.reject(AWAY);

    const shared = untilRead(read, { journal: { leases } as never, clock, signal: deadline.signal });
    const early = await Promise.race([shared.catch(() => 'failed'), clock.advance(60_000)]);
    deadline.abort();

    expect(early).toBeUndefined();
    await expect(shared).rejects.toBe(AWAY);
    await expect(
      untilRead(read, { journal: { leases: undefined }, clock, signal: new AbortController().signal }),
    ).rejects.toBe(AWAY);
  });
});
