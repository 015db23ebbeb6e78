import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { holdAll, SharedState, type SharingJournal } from '../journal/support/shared-state.ts';
import { CONSOLE } from '../journal/support/replicas.ts';
import { collecting, CONSOLE_IDENTITY } from '../support/collecting.ts';
import { NO_POSTGRES } from '../support/postgres.ts';

/** Every step of a poll at which a process can pause, in order. */
const STEPS = [
  'streams.openAll',
  'streams.open',
  'room',
  'request',
  'answer',
  'ledger.lookup',
  'commit',
  'sources.orphanStreams',
  'sources.setNextDue',
];

describe.skipIf(NO_POSTGRES)('a replica that pauses in a poll until another has polled', () => {
  let state: SharedState;
  let stale: SharingJournal;
  let other: SharingJournal;

  beforeEach(async () => {
    state = await SharedState.make({ lease: 60_000 });
    [stale, other] = [await state.open('stale'), await state.open('other')];
    await stale.sources.open([CONSOLE_IDENTITY]);
  });
  afterEach(() => state[Symbol.asyncDispose]());

  /** The other replica takes over, polls once, and gives back. Returns what it leaves. */
  async function pollElsewhere(): Promise<Record<string, unknown>> {
    await state.expireAll();
    const holds = await holdAll(other, [CONSOLE]);
    const stop = new AbortController();
    const polled = collecting({
      journal: other,
      clock: systemClock,
      signal: stop.signal,
      before: () => undefined,
    });
    const running = polled.run();
    await expect.poll(async () => (await other.sources.nextDue('console')) ?? 0).toBeGreaterThan(0);
    stop.abort();
    await running;
    await other.leases.release(holds);
    expect(polled.sourcePolls).toMatchObject([{ outcome: 'complete' }]);
    return state.contents();
  }

  it.each(STEPS)('before %s, changes nothing of it, and ends quietly', async (step) => {
    const [hold] = await holdAll(stale, [CONSOLE]);
    let left: Record<string, unknown> | undefined;
    const paused = collecting({
      journal: stale,
      clock: systemClock,
      signal: hold?.signal ?? AbortSignal.abort(),
      before: async (name) => {
        if (name === step) left ??= await pollElsewhere();
      },
    });

    await paused.run();

    expect(left).toBeDefined();
    expect(await state.contents()).toEqual(left);
    expect(paused.lines.filter(({ level }) => level >= 40)).toEqual([]);
    expect(paused.sourcePolls.map(({ outcome }) => outcome)).not.toContain('failed');
    expect(stale.lines).toMatchObject([{ level: 40, event: { reason: 'another replica took it' } }]);
  });
});
