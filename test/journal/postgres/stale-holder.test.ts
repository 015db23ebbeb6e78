import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GAP_REASON } from '../../../src/core/source.ts';
import type { Hold, Subject } from '../../../src/journal/leases.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import { KEY, letters, page, records, STREAM } from '../support/commits.ts';
import { CONSOLE, SIEM } from '../support/replicas.ts';
import { holdAll, SharedState, type SharingJournal, start } from '../support/shared-state.ts';

/** A transaction that waits for its client ends after 0.4 of it. Milliseconds. */
const LEASE = 600;

type Write = (journal: SharingJournal) => Promise<unknown>;

const POLL = {
  stream: KEY,
  source: 'console',
  at: 7,
  durationMs: 1,
  requests: 1,
  rows: 1,
  new: 1,
  changed: 0,
};

/** A page with everything that a page can change. */
const PAGE = page({
  records: records(2, 'new'),
  ledger: [{ key: 'k', uid: 'new-0', value: { n: 1 }, at: 5 }],
  forgetBefore: 3,
  cursor: { at: 10 },
  covered: { from: 0, to: 10 },
  gaps: [{ from: 20, to: 30, reason: GAP_REASON.tooLarge, part: '' }],
  complete: true,
  poll: { ...POLL, outcome: 'complete' },
});

const SKIPPED = {
  position: { sequence: 1, offset: 0 },
  missed: { from: 0, to: 1, events: 1, sources: {} },
  deadLetters: letters(2, 'too old'),
};

const WRITES: readonly (readonly [name: string, subject: Subject, write: Write])[] = [
  ['commits a page', CONSOLE, (journal) => journal.commit(PAGE)],
  ['commits a page without records', CONSOLE, (journal) => journal.commit(page({ cursor: { at: 10 } }))],
  ['records a poll', CONSOLE, ({ polls }) => polls.record({ ...POLL, outcome: 'cut' })],
  ['opens a stream', CONSOLE, ({ streams }) => streams.open({ ...STREAM, scope: 'new' })],
  [
    'opens streams together',
    CONSOLE,
    ({ streams }) => streams.openAll(['a', 'b'].map((scope) => ({ ...STREAM, scope }))),
  ],
  ['marks streams orphaned', CONSOLE, ({ sources }) => sources.orphanStreams('console', ['other'])],
  ['stores when it is due', CONSOLE, ({ sources }) => sources.setNextDue('console', 99)],
  ['shortens its ledger', CONSOLE, ({ ledger }) => ledger.forgetOldest('console', 1, GAP_REASON.ledgerFull)],
  [
    'reports of its source',
    CONSOLE,
    ({ states }) => states.note(new Map([['source console', { of: 'stale' }]])),
  ],
  ['notes how far a job is', CONSOLE, ({ jobs }) => jobs.noteProgress(1, { done: 1 }, CONSOLE)],
  ['finishes a job', CONSOLE, ({ jobs }) => jobs.finish(1, { code: 0 }, 9, CONSOLE)],
  [
    'acknowledges',
    SIEM,
    (journal) =>
      journal.acknowledge('siem', {
        position: { sequence: 1, offset: 1 },
        response: '200',
        now: 9,
        deadLetters: letters(1, 'too old'),
      }),
  ],
  ['pauses', SIEM, ({ destinations }) => destinations.setPaused('siem', '401', 9)],
  [
    'skips',
    SIEM,
    ({ destinations }) =>
      destinations.skip(
        'siem',
        {
          position: { sequence: 2, offset: 0 },
          missed: { from: 0, to: 1, events: 3, sources: { console: 3 } },
          deadLetters: letters(1, 'too old'),
        },
        9,
      ),
  ],
  ['ends a gap', SIEM, ({ destinations }) => destinations.endGap('siem', 9)],
  ['settles dead letters', SIEM, ({ deadLetters }) => deadLetters.settle('siem', [1], letters(1, 'again'))],
  [
    'reports of its destination',
    SIEM,
    ({ states }) => states.note(new Map([['destination siem', { of: 'stale' }]])),
  ],
];

/** Those whose transactions have several statements that write. */
const LARGE = WRITES.filter(([name]) =>
  ['commits a page', 'acknowledges', 'skips', 'settles dead letters'].includes(name),
);

describe.skipIf(NO_POSTGRES)('a replica that wakes up after another took over', () => {
  let state: SharedState;
  let stale: SharingJournal;
  let other: SharingJournal;
  let holds: readonly Hold[];

  async function share(lease: number): Promise<void> {
    state = await SharedState.make({ lease });
    stale = await state.open('stale', { proxied: true });
    other = await state.open('other');
    holds = await start(stale);
    const ledger = [{ key: 'old', uid: 'old-0', value: {}, at: 4 }];
    await stale.commit(page({ records: records(3, 'old'), ledger }));
    await stale.destinations.skip('siem', SKIPPED, 8);
    await stale.jobs.enqueue({ kind: 'backfill', source: 'console', destination: undefined, details: {} }, 8);
    await stale.pages.read({ sequence: 1, offset: 0 });
  }

  beforeEach(() => share(60_000));
  afterEach(() => state[Symbol.asyncDispose]());

  /** The other replica takes everything over as soon as it can, and works on it. Returns what it leaves. */
  async function takenOver(): Promise<Record<string, unknown>> {
    await state.expireAll();
    const taken = await holdAll(other);
    await other.sources.setNextDue('console', 50);
    await other.destinations.setPaused('siem', 'of the other', 50);
    await other.leases.release(taken);
    return state.contents();
  }

  it.each(WRITES)('changes nothing when it %s', async (_what, subject, write) => {
    const before = await takenOver();

    await expect(write(stale)).rejects.toMatchObject({ name: 'LeaseLostError', subject });

    expect(await state.contents()).toEqual(before);
  });

  it.each(WRITES.filter(([name]) => !name.startsWith('reports')))(
    'says once that it lost its lease, and is not asked again, when it %s',
    async (_what, subject, write) => {
      await takenOver();
      await write(stale).catch(() => undefined);
      const statements = state.proxy.statements.filter(({ sql }) => sql.includes('BEGIN')).length;

      await expect(write(stale)).rejects.toMatchObject({ name: 'LeaseLostError', subject });

      expect(state.proxy.statements.filter(({ sql }) => sql.includes('BEGIN'))).toHaveLength(statements);
      expect(stale.lines).toMatchObject([{ level: 40, event: { reason: 'another replica took it' } }]);
      expect(holds.filter(({ signal }) => signal.aborted).map((hold) => hold.subject)).toEqual([subject]);
    },
  );

  it.each(LARGE)(
    'changes nothing when it was paused before any of the statements with which it %s',
    async (_what, _subject, write) => {
      await state[Symbol.asyncDispose]();
      await share(LEASE);
      let paused = 0;
      let before: Record<string, unknown> = {};
      for (; ; paused += 1) {
        const pause = pauseBefore(paused);
        const outcome = write(stale).then(
          () => 'written',
          (error: Error) => error.name,
        );
        if ((await Promise.race([outcome, pause.reached])) === 'written') break;

        before = await takenOver();
        pause.end();

        expect(await outcome).toMatch(/^(LeaseLostError|JournalWriteError)$/);
        expect(await state.contents()).toEqual(before);
        await stale.leases.release(holds);
        holds = await holdAll(stale);
      }
      expect(paused).toBeGreaterThan(3);
      // At last nothing pauses it: the same write is whole.
      expect(await state.contents()).not.toEqual(before);
    },
  );

  /** Holds a statement of the replica back, and what follows on its connection. `after`: so many pass before. */
  function pauseBefore(after: number): { readonly reached: Promise<void>; end(): void } {
    const reached = Promise.withResolvers<void>();
    const awake = Promise.withResolvers<void>();
    let passed = 0;
    state.proxy.onStatement = () => {
      passed += 1;
      if (passed <= after) return undefined;
      reached.resolve();
      return { before: awake.promise };
    };
    return {
      reached: reached.promise,
      end() {
        state.proxy.onStatement = undefined;
        awake.resolve();
      },
    };
  }
});
