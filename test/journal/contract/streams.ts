import { describe, expect, test } from 'vitest';
import { StateError } from '../../../src/core/errors.ts';
import { OWN_TYPE } from '../../../src/journal/collection.ts';
import { KEY, page, records, STREAM } from '../support/commits.ts';
import { streamKey } from '../../../src/core/stream-key.ts';
import type { Subject } from './subject.ts';

export function describeStreams(subject: Subject): void {
  describe('streams', () => {
    test('scopes that end in different halves of a surrogate pair are two streams, and come back unchanged', async () => {
      const scopes = ['\ud83d', '\ud83e', '\\d83d', '�', 'a\0b'];
      for (const scope of scopes) {
        const { key } = await subject.journal.streams.open({ ...STREAM, scope });
        const part = { from: 0, to: 1, reason: 'list-full', part: scope };
        await subject.journal.commit(
          page({ stream: key, cursor: scope, gaps: [part], records: records(1, key) }),
        );
      }
      await subject.reopen();

      const streams = await subject.journal.streams.all();
      const { type, origin, account } = STREAM;
      const cursors = await subject.journal.streams.cursors({ type, origin, account });
      await subject.journal.sources.orphanStreams(STREAM.source, scopes.slice(1));

      expect(new Set(streams.map(({ scope }) => scope))).toEqual(new Set(scopes));
      expect([...cursors].every(([scope, cursor]) => scope === cursor)).toBe(true);
      expect(cursors.size).toBe(scopes.length);
      for (const { key, scope } of streams)
        expect(await subject.journal.gaps.of(key)).toMatchObject([{ part: scope, stream: key }]);
      expect((await subject.journal.streams.all()).filter(({ orphaned }) => orphaned)).toMatchObject([
        { scope: '\ud83d' },
      ]);
      const first = await subject.journal.pages.read({ sequence: 0, offset: 0 });
      expect(first?.stream).toBe(streamKey({ ...STREAM, scope: '\ud83d' }));
    });

    test('a new stream has no cursor and no ledger', async () => {
      const stream = await subject.journal.streams.open(STREAM);

      expect(stream).toEqual({
        ...STREAM,
        key: KEY,
        ledgerBytes: 0,
        knownSince: subject.clock.now(),
        asked: undefined,
        cursor: undefined,
        ledger: 0,
        lastComplete: undefined,
        readUpTo: undefined,
        lastError: undefined,
        deferred: 0,
        dropped: 0,
        orphaned: false,
      });
    });

    test('a stream keeps its data under a new source name', async () => {
      await subject.journal.streams.open(STREAM);
      await subject.journal.commit(page({ cursor: { at: 1 }, records: records(1) }));

      const renamed = await subject.journal.streams.open({ ...STREAM, source: 'headquarters' });

      expect(renamed).toMatchObject({ source: 'headquarters', cursor: { at: 1 } });
      expect(await subject.journal.streams.all()).toHaveLength(1);
      expect(await subject.journal.pages.read({ sequence: 0, offset: 0 })).toMatchObject({
        source: 'headquarters',
      });
    });

    test('a cursor keeps its version until it is written again', async () => {
      await subject.journal.streams.open(STREAM);
      await subject.journal.commit(page({ cursor: { at: 1 } }));

      const before = await subject.journal.streams.open({ ...STREAM, cursorVersion: 2 });
      await subject.journal.commit(page({ cursor: { from: 1 } }));
      const after = await subject.journal.streams.open({ ...STREAM, cursorVersion: 2 });

      expect(before).toMatchObject({ cursorVersion: 1, cursor: { at: 1 } });
      expect(after).toMatchObject({ cursorVersion: 2, cursor: { from: 1 } });
    });

    test('a stream of our own events is delivered, and is not listed among those of the sources', async () => {
      const own = await subject.journal.streams.open({ ...STREAM, type: OWN_TYPE, scope: 'console' });

      await subject.journal.commit(page({ stream: own.key, cursor: { beat: 1 }, records: records(1) }));
      await subject.journal.sources.orphanStreams(STREAM.source, []);

      expect(await subject.journal.streams.all()).toEqual([]);
      expect(await subject.journal.pages.read({ sequence: 0, offset: 0 })).toMatchObject({
        source: 'console',
      });
      const again = await subject.journal.streams.open({ ...STREAM, type: OWN_TYPE, scope: 'console' });
      expect(again).toMatchObject({ cursor: { beat: 1 } });
    });

    test('a commit to a stream that was never opened is refused', async () => {
      await expect(subject.journal.commit(page({ stream: 'unknown' }))).rejects.toThrow('unknown');
    });

    test('streams of sources that left the configuration are orphaned, until they come back', async () => {
      const { source: name, type, origin, account } = STREAM;
      await subject.journal.sources.open([{ name, type, origin, account }]);
      await subject.journal.streams.open(STREAM);

      await subject.journal.sources.open([]);
      const left = await subject.journal.streams.all();
      await subject.journal.sources.open([{ name, type, origin, account }]);
      const back = await subject.journal.streams.open(STREAM);

      expect(left).toMatchObject([{ orphaned: true }]);
      expect(back.orphaned).toBe(false);
    });

    test('scopes that the vendor no longer has are orphaned, but not those of other sources', async () => {
      for (const scope of ['a', 'b']) await subject.journal.streams.open({ ...STREAM, scope });
      await subject.journal.streams.open({ ...STREAM, source: 'other', type: 'jsa-login-attempts' });

      await subject.journal.sources.orphanStreams('console', ['b']);

      const orphaned = (await subject.journal.streams.all()).filter((stream) => stream.orphaned);
      expect(orphaned.map(({ scope }) => scope)).toEqual(['a']);
    });

    test.each([
      ['type', { type: 'petra-incidents' }],
      ['origin', { origin: 'https://other.example.com' }],
      ['account', { account: 'other' }],
    ])(
      'a source whose %s changed is refused with the choices, and nothing is written',
      async (_what, change) => {
        const { source: name, type, origin, account } = STREAM;
        await subject.journal.sources.open([{ name, type, origin, account }]);
        await subject.journal.streams.open(STREAM);
        const changed = { name, type, origin, account, ...change };
        const added = { name: 'new', type: 'x', origin: 'y', account: '' };

        const refused = subject.journal.sources.open([added, changed]);

        await expect(refused).rejects.toThrow(StateError);
        await expect(refused).rejects.toThrow(/another name.*state reset console.*state\.(path|postgres)/);
        await expect(subject.journal.sources.requireSame([changed])).rejects.toThrow(StateError);
        await expect(subject.journal.sources.open([{ ...added, type: 'z' }])).resolves.toBeUndefined();
      },
    );

    test('accounts of one vendor have separate streams, whatever characters their names and scopes contain', async () => {
      const parts = [
        ['', ''],
        ['', 'a'],
        ['', 'a|b'],
        ['a', ''],
        ['a', 'b'],
        ['a|b', ''],
        ['a%7Cb', ''],
      ] as const;
      for (const [account, scope] of parts) {
        const { key } = await subject.journal.streams.open({ ...STREAM, account, scope });
        await subject.journal.commit(page({ stream: key, cursor: `${account}/${scope}` }));
      }

      const { type, origin } = STREAM;
      const cursors = await subject.journal.streams.cursors({ type, origin, account: 'a' });

      expect(await subject.journal.streams.all()).toHaveLength(parts.length);
      expect([...cursors]).toEqual([
        ['', 'a/'],
        ['b', 'a/b'],
      ]);
    });

    test('the key of a stream names the account, where there is one', async () => {
      const { key } = await subject.journal.streams.open({ ...STREAM, account: 'acme', scope: 't-1' });

      expect(key).toBe('qradar-login-attempts|https://qradar.example.com|acme|t-1');
      expect((await subject.journal.streams.open(STREAM)).key).toBe(KEY);
    });
  });
}
