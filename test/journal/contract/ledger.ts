import { beforeEach, describe, expect, test } from 'vitest';
import { KEY, page, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

const entry = (key: string, at: number) => ({ key, at, uid: `uid of ${key}`, value: { count: at } });

export function describeLedger(subject: Subject): void {
  describe('ledger', () => {
    beforeEach(() => subject.journal.openStream(STREAM));

    test('a later entry replaces an earlier one', async () => {
      await subject.journal.commit(page({ ledger: [entry('k', 1)] }));
      await subject.journal.commit(page({ ledger: [{ ...entry('k', 2), uid: 'second' }] }));

      expect(await subject.journal.ledger(KEY, ['k'])).toEqual(
        new Map([['k', { uid: 'second', value: { count: 2 } }]]),
      );
    });

    test('a prefix finds its keys and no others, whatever characters they have', async () => {
      const keys = ['a', 'a|', 'a|1', 'a|é', 'a|\u{1F600}', 'a|\u0000', 'a}', 'b|1'];
      await subject.journal.commit(page({ ledger: keys.map((key) => entry(key, 1)) }));

      const found = await subject.journal.ledgerByPrefix(KEY, 'a|');
      const all = await subject.journal.ledgerByPrefix(KEY, '');

      expect(new Set(found.keys())).toEqual(new Set(['a|', 'a|1', 'a|é', 'a|\u{1F600}', 'a|\u0000']));
      expect(new Set(all.keys())).toEqual(new Set(keys));
    });

    test('entries before a time are forgotten, those of other streams are not', async () => {
      const other = await subject.journal.openStream({ ...STREAM, scope: 'other' });
      await subject.journal.commit(page({ stream: other.key, ledger: [entry('k', 1)] }));
      await subject.journal.commit(page({ ledger: [entry('before', 9), entry('at', 10)] }));

      await subject.journal.commit(page({ forgetBefore: 10 }));

      expect([...(await subject.journal.ledgerByPrefix(KEY, '')).keys()]).toEqual(['at']);
      expect([...(await subject.journal.ledgerByPrefix(other.key, '')).keys()]).toEqual(['k']);
    });

    test('an unknown stream has an empty ledger', async () => {
      expect(await subject.journal.ledger('unknown', ['k'])).toEqual(new Map());
      expect(await subject.journal.ledgerByPrefix('unknown', '')).toEqual(new Map());
    });
  });
}
