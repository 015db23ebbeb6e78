import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Hold } from '../../../src/journal/leases.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import { held, KEY, letters, page, records, STREAM } from '../support/commits.ts';
import { CONTENT } from '../support/replicas.ts';
import { SharedState, type SharingJournal, start } from '../support/shared-state.ts';

/** Whether the server carries the statement out before its connection ends. */
const FATES = ['cut', 'cut-answer'] as const;

const POLL = { stream: KEY, source: 'console', durationMs: 1, requests: 1, rows: 2, new: 2, changed: 0 };

/** Page number n of a stream. */
function numbered(n: number) {
  return page({
    records: records(2, `page-${n}`),
    ledger: [{ key: `key-${n}`, uid: `page-${n}-0`, value: { n }, at: n }],
    cursor: { next: n + 1 },
    covered: { from: n, to: n + 1 },
    poll: { ...POLL, at: n, outcome: 'complete' },
  });
}

describe.skipIf(NO_POSTGRES)('a connection that is cut during a write', () => {
  let state: SharedState;
  let own: SharingJournal;
  let holds: readonly Hold[];

  beforeEach(async () => {
    state = await SharedState.make();
    own = await state.open('own', { proxied: true });
    holds = await start(own);
  });
  afterEach(() => state[Symbol.asyncDispose]());

  /** Cuts the connection at a statement; `after`: so many pass before. Returns whether it came to that. */
  function cutAfter(after: number, fate: (typeof FATES)[number]): () => boolean {
    let passed = 0;
    state.proxy.onStatement = () => {
      passed += 1;
      return passed === after + 1 ? fate : undefined;
    };
    return () => {
      state.proxy.onStatement = undefined;
      return passed > after;
    };
  }

  /** Gives back what was lost and takes it again, as a daemon does when its work has ended. */
  async function holdAgain(): Promise<void> {
    const lost = holds.filter(({ signal }) => signal.aborted);
    holds = holds.filter((hold) => !lost.includes(hold));
    await own.leases.release(lost);
    for (const { subject } of lost)
      await expect
        .poll(async () => {
          // The server may not know yet that the connection of the write is gone.
          await own.leases.renew(CONTENT);
          const taken = await own.leases.take([subject]);
          holds = [...holds, ...taken];
          return taken.length;
        })
        .toBe(1);
  }

  /** How many pages are there, whole. */
  async function wholePages(): Promise<number> {
    const [stream] = await own.streams.openAll([STREAM]);
    const { next } = (stream?.cursor ?? { next: 0 }) as { next: number };
    const numbers = Array.from({ length: next }, (_, index) => index);
    expect(await held(own)).toEqual(numbers.flatMap((n) => [`page-${n}-0`, `page-${n}-1`]));
    const keys = [...numbers, next].map((n) => `key-${n}`);
    expect([...(await own.ledger.lookup(KEY, keys)).keys()].toSorted()).toEqual(keys.slice(0, -1).toSorted());
    expect(await own.coverage.of(KEY)).toEqual(next === 0 ? [] : [{ from: 0, to: next }]);
    expect((await own.polls.last(KEY, 99)).map(({ at }) => at)).toEqual(numbers.toReversed());
    return next;
  }

  it.each(FATES)(
    '(%s) leaves a page whole or not at all, and the next hold goes on exactly',
    async (fate) => {
      const outcomes = new Set<string>();
      let committed = 0;
      for (let after = 0; ; after += 1) {
        const wasCut = cutAfter(after, fate);
        const outcome = await own.commit(numbered(committed)).then(
          () => 'written',
          (error: Error) => error.name,
        );
        if (!wasCut()) break;
        outcomes.add(outcome);
        await holdAgain();
        const now = await wholePages();
        // What failed for certain is not there; what is in doubt may be.
        expect(outcome === 'LeaseLostError' ? [committed, committed + 1] : [committed]).toContain(now);
        committed = now;
      }

      expect(await wholePages()).toBe(committed + 1);
      expect([...outcomes].toSorted()).toEqual(['JournalWriteError', 'LeaseLostError']);
      // COMMIT follows the writes at once: when only answers are lost, what was in doubt is there.
      expect(committed > 0).toBe(fate === 'cut-answer');
    },
  );

  it.each(FATES)('(%s) leaves an acknowledgement whole or not at all', async (fate) => {
    await own.commit(numbered(0));
    const deadLetters = letters(1, 'too old');
    let sequence = 1;
    for (let after = 0; ; after += 1) {
      const wasCut = cutAfter(after, fate);
      const position = { sequence, offset: 1 };
      const acknowledged = await own
        .acknowledge('siem', { position, response: '200', now: 1, deadLetters })
        .then(
          () => true,
          () => false,
        );
      const isCut = wasCut();
      expect(acknowledged).toBe(!isCut);
      if (!isCut) break;
      await holdAgain();
      const [siem] = await own.destinations.all();
      const isThere = siem?.position.offset === 1;
      expect(await own.deadLetters.count('siem')).toBe(isThere ? 1 : 0);
      sequence = siem?.position.sequence === 0 ? 1 : (siem?.position.sequence ?? 1);
    }
    expect(await own.destinations.all()).toMatchObject([{ position: { sequence: 1, offset: 1 } }]);
    expect(await own.deadLetters.count('siem')).toBe(1);
  });

  it('that is not known to be written ends the hold, says so once, and writes nothing more', async () => {
    state.proxy.onStatement = ({ sql }) => (sql === 'COMMIT' ? 'cut-answer' : undefined);

    await expect(own.commit(numbered(0))).rejects.toMatchObject({ name: 'LeaseLostError' });
    state.proxy.onStatement = undefined;
    await expect(own.commit(numbered(1))).rejects.toMatchObject({ name: 'LeaseLostError' });

    expect(holds.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(own.lines).toMatchObject([
      {
        level: 40,
        event: { reason: expect.stringContaining('the connection to the database broke during a commit') },
        penstock: { sources: ['console'], destinations: [] },
      },
    ]);
    await expect.poll(() => held(own)).toEqual(['page-0-0', 'page-0-1']);
  });
});
