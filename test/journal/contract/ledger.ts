import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { KEY, page, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

const DAY = 86_400_000;

const entry = (key: string, at: number) => ({ key, at, uid: `uid of ${key}`, value: { count: at } });

async function keysOf(journal: Subject['journal'], stream: string, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let after: string | undefined;
  do {
    const part = await journal.ledger.withPrefix(stream, prefix, after);
    keys.push(...part.entries.keys());
    after = part.next;
  } while (after !== undefined);
  return keys;
}

export function describeLedger(subject: Subject): void {
  describe('ledger', () => {
    beforeEach(() => subject.journal.streams.open(STREAM));

    test('a later entry replaces an earlier one', async () => {
      await subject.journal.commit(page({ ledger: [entry('k', 1)] }));
      await subject.journal.commit(page({ ledger: [{ ...entry('k', 2), uid: 'second' }] }));

      expect(await subject.journal.ledger.lookup(KEY, ['k'])).toEqual(
        new Map([['k', { uid: 'second', value: { count: 2 } }]]),
      );
    });

    test('a prefix finds its keys and no others, whatever characters they have', async () => {
      const keys = ['a', 'a|', 'a|1', 'a|é', 'a|\u{1F600}', 'a|\u0000', 'a}', 'b|1'];
      await subject.journal.commit(page({ ledger: keys.map((key) => entry(key, 1)) }));

      const found = await keysOf(subject.journal, KEY, 'a|');
      const all = await keysOf(subject.journal, KEY, '');

      expect(new Set(found)).toEqual(new Set(['a|', 'a|1', 'a|é', 'a|\u{1F600}', 'a|\u0000']));
      expect(new Set(all)).toEqual(new Set(keys));
    });

    test('a prefix with very many keys finds each of them once, in parts', async () => {
      const keys = Array.from({ length: 2_500 }, (_, number) => `a|${number}`);
      await subject.journal.commit(page({ ledger: ['a', 'b', ...keys].map((key) => entry(key, 1)) }));

      expect((await keysOf(subject.journal, KEY, 'a|')).toSorted()).toEqual(keys.toSorted());
      const { entries } = await subject.journal.ledger.withPrefix(KEY, 'a|');
      expect(entries.size).toBeLessThanOrEqual(1_000);
    });

    test('keys that end in different halves of a pair are two, and a prefix finds them', async () => {
      const keys = [
        'a|\ud83d',
        'a|\ud83e',
        'a|\ud83d\ude00',
        'a|\ude00',
        'a|�',
        'a|\\d83d',
        'a|\u{10FFFF}\ud83d',
        'a|\0',
      ];
      await subject.journal.commit(page({ ledger: keys.map((key, at) => entry(key, at)) }));

      const { entries: found } = await subject.journal.ledger.withPrefix(KEY, 'a|');
      const { entries: halved } = await subject.journal.ledger.withPrefix(KEY, 'a|\ud83d');

      expect(new Set(found.keys())).toEqual(new Set(keys));
      expect(new Set(halved.keys())).toEqual(new Set(['a|\ud83d', 'a|\ud83d\ude00']));
      expect(await subject.journal.ledger.lookup(KEY, keys)).toEqual(
        new Map(keys.map((key, at) => [key, { uid: `uid of ${key}`.toWellFormed(), value: { count: at } }])),
      );
    });

    test('any key is found by itself and by any of its prefixes, and replaces no other', async () => {
      const unit = fc.constantFrom(
        'a',
        'b',
        '|',
        '\\',
        '#',
        '\0',
        '\ud83d',
        '\ude00',
        '\udbff',
        '\udfff',
        'é',
      );
      const text = fc.array(unit, { maxLength: 130 }).map((units) => units.join(''));
      let streams = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(text, { minLength: 1, maxLength: 6 }),
          fc.nat(130),
          async (keys, length) => {
            const { key: stream } = await subject.journal.streams.open({
              ...STREAM,
              scope: `${(streams += 1)}`,
            });
            await subject.journal.commit(page({ stream, ledger: keys.map((key, at) => entry(key, at)) }));
            const prefix = (keys[0] ?? '').slice(0, length);

            const { entries: found } = await subject.journal.ledger.withPrefix(stream, prefix);
            const each = await subject.journal.ledger.lookup(stream, keys);

            expect(new Set(found.keys())).toEqual(new Set(keys.filter((key) => key.startsWith(prefix))));
            expect(keys.map((key) => each.get(key)?.value)).toEqual(keys.map((_, at) => ({ count: at })));
          },
        ),
        { numRuns: 60 },
      );
    });

    test('a long key that is stored as a hash is found by itself and by a short prefix', async () => {
      const long = `bucket|${'x'.repeat(5000)}`;
      await subject.journal.commit(
        page({ ledger: [entry(long, 1), entry(`${long}y`, 2)], hashLongKeys: true }),
      );
      await subject.journal.commit(page({ ledger: [entry(`${long}y`, 3)], hashLongKeys: true }));

      const each = await subject.journal.ledger.lookup(KEY, [long, `${long}y`, `${long}z`]);
      const { entries: found } = await subject.journal.ledger.withPrefix(KEY, 'bucket|');
      const { entries, bytes } = await subject.journal.ledger.sizeOf(STREAM.source);

      expect([...each].map(([key, { value }]) => [key, value])).toEqual([
        [long, { count: 1 }],
        [`${long}y`, { count: 3 }],
      ]);
      expect([...found.values()].map(({ value }) => value['count']).toSorted()).toEqual([1, 3]);
      expect(entries).toBe(2);
      expect(bytes).toBeLessThan(12_000);
    });

    test('the size of the ledger is right after writing, replacing, forgetting and reopening', async () => {
      const sizes: number[] = [];
      const note = async () => sizes.push((await subject.journal.ledger.sizeOf('console')).bytes);
      await subject.journal.commit(page({ ledger: [entry('a', 1), entry('b', 2)] }));
      await note();
      await subject.journal.commit(
        page({ ledger: [{ ...entry('b', 2), value: { text: 'x'.repeat(100) } }] }),
      );
      await note();
      await subject.journal.commit(page({ ledger: [entry('b', 2)] }));
      await subject.reopen();
      await note();
      const counted = await subject.journal.ledger.sizeOf('console');
      await subject.journal.commit(page({ forgetBefore: 10 }));

      expect(sizes[0]).toBeGreaterThan(0);
      expect(sizes[1]).toBeGreaterThan((sizes[0] ?? 0) + 80);
      expect(sizes[2]).toBe(sizes[0]);
      expect(counted.entries).toBe(2);
      expect(await subject.journal.ledger.sizeOf('console')).toEqual({ entries: 0, bytes: 0 });
      expect(await subject.journal.ledger.sizeOf('other')).toEqual({ entries: 0, bytes: 0 });
    });

    test('entries in a kept span are not forgotten although they are before the time', async () => {
      const keys = [1, 2, 3, 4, 5].map((at) => entry(`${at}`, at));
      await subject.journal.commit(page({ ledger: keys }));

      await subject.journal.commit(
        page({ forgetBefore: 5, keep: [{ from: 2, to: 4 }], ledger: [entry('new', 1)] }),
      );

      expect(await keysOf(subject.journal, KEY, '')).toEqual(['2', '3', '5']);
    });

    test('the oldest entries of a source are forgotten first, and an unemitted gap of each stream records them', async () => {
      const now = subject.clock.now();
      const other = await subject.journal.streams.open({ ...STREAM, scope: 'other' });
      const old = [1, 2, 3].map((day) => entry(`old ${day}`, now - 100 * DAY + day));
      await subject.journal.commit(page({ ledger: [...old, entry('new', now - DAY)] }));
      await subject.journal.commit(page({ stream: other.key, ledger: [entry('other', now - 50 * DAY)] }));

      const first = await subject.journal.ledger.forgetOldest('console', 2, 'ledger-full');
      const { entries: left } = await subject.journal.ledger.withPrefix(KEY, '');
      const second = await subject.journal.ledger.forgetOldest('console', 2, 'ledger-full');
      const third = await subject.journal.ledger.forgetOldest('console', 5, 'ledger-full');

      expect([first, second, third]).toEqual([[KEY], [KEY], [other.key]]);
      expect([...left.keys()]).toEqual(['new', 'old 3']);
      expect(await keysOf(subject.journal, KEY, '')).toEqual(['new']);
      expect(await subject.journal.gaps.of(KEY)).toMatchObject([
        { from: now - 100 * DAY + 1, to: now - 100 * DAY + 4, reason: 'ledger-full', unemitted: true },
      ]);
      expect((await subject.journal.ledger.sizeOf('console')).entries).toBe(1);

      await subject.journal.commit(page({ forgetBefore: now - 2 * DAY }));
      expect(await subject.journal.gaps.of(KEY)).toMatchObject([{ closed: now }]);
    });

    test('entries before a time are forgotten, but not those of other streams', async () => {
      const other = await subject.journal.streams.open({ ...STREAM, scope: 'other' });
      await subject.journal.commit(page({ stream: other.key, ledger: [entry('k', 1)] }));
      await subject.journal.commit(page({ ledger: [entry('before', 9), entry('at', 10)] }));

      await subject.journal.commit(page({ forgetBefore: 10 }));

      expect(await keysOf(subject.journal, KEY, '')).toEqual(['at']);
      expect(await keysOf(subject.journal, other.key, '')).toEqual(['k']);
    });

    test('an unknown stream has an empty ledger', async () => {
      expect(await subject.journal.ledger.lookup('unknown', ['k'])).toEqual(new Map());
      expect(await keysOf(subject.journal, 'unknown', '')).toEqual([]);
    });
  });
}
