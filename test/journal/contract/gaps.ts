import { beforeEach, describe, expect, test } from 'vitest';
import { isKnownGap } from '../../../src/journal/collection.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { KEY, page, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

const MINUTE = 60_000;

const gap = (from: number, to: number, part = '', reason = 'page-limit') => ({
  from,
  to,
  part,
  reason,
});

const tooLarge = (from: number, to: number) => gap(from, to, '', 'answer-too-large');

async function openGaps(journal: Journal) {
  return (await journal.gaps.of(KEY)).filter(({ closed }) => closed === undefined);
}

async function spans(journal: Journal) {
  return (await journal.gaps.of(KEY)).map(({ from, to, closed }) => ({
    from,
    to,
    open: closed === undefined,
  }));
}

export function describeGaps(subject: Subject): void {
  describe('gaps', () => {
    beforeEach(() => subject.journal.streams.open(STREAM));

    test('a gap inside a known one adds nothing', async () => {
      await subject.journal.commit(page({ gaps: [gap(0, 10)] }));
      await subject.journal.commit(page({ gaps: [gap(2, 8), gap(0, 10)] }));

      expect(await spans(subject.journal)).toEqual([{ from: 0, to: 10, open: true }]);
    });

    test('gaps that overlap or touch become one, opened when the first was', async () => {
      const opened = subject.clock.now();
      await subject.journal.commit(page({ gaps: [gap(0, 10), gap(20, 30)] }));
      await subject.clock.advance(MINUTE);

      await subject.journal.commit(page({ gaps: [gap(5, 20)] }));

      expect(await subject.journal.gaps.of()).toEqual([
        { ...gap(0, 30), stream: KEY, opened, closed: undefined },
      ]);
    });

    test('a gap without an event is unemitted until a page emits all of it', async () => {
      const unemitted = async () => (await subject.journal.gaps.of(KEY)).map((one) => one.unemitted);
      await subject.journal.commit(page({ unemittedGaps: [gap(0, 10)] }));
      const recorded = await unemitted();
      await subject.journal.commit(page({ gaps: [gap(2, 8)] }));
      const inPart = await unemitted();
      await subject.journal.commit(page({ gaps: [gap(0, 10)] }));
      const whole = await unemitted();
      await subject.journal.commit(page({ unemittedGaps: [gap(10, 20)] }));

      expect([recorded, inPart, whole, await unemitted()]).toEqual([[true], [true], [undefined], [true]]);
    });

    test('gaps of another part or reason stay apart', async () => {
      await subject.journal.commit(
        page({ gaps: [gap(0, 10), gap(0, 10, 'tenant'), gap(0, 10, '', 'journal-full')] }),
      );

      expect(await spans(subject.journal)).toHaveLength(3);
    });

    test('a gap is closed by a span that contains it, and by no smaller one', async () => {
      await subject.journal.commit(page({ gaps: [gap(0, 10), gap(20, 30), gap(0, 10, 'tenant')] }));

      await subject.journal.commit(page({ closedGaps: [gap(0, 25)] }));

      expect(await subject.journal.gaps.of(KEY)).toEqual([
        { ...gap(0, 10), stream: KEY, opened: subject.clock.now(), closed: subject.clock.now() },
        { ...gap(0, 10, 'tenant'), stream: KEY, opened: subject.clock.now(), closed: undefined },
        { ...gap(20, 30), stream: KEY, opened: subject.clock.now(), closed: undefined },
      ]);
    });

    test('a closed gap that opens again is a gap again', async () => {
      await subject.journal.commit(page({ gaps: [gap(0, 10)] }));
      await subject.journal.commit(page({ closedGaps: [gap(0, 10)] }));
      await subject.journal.commit(page({ gaps: [gap(2, 5)] }));

      expect(await spans(subject.journal)).toEqual([
        { from: 0, to: 10, open: false },
        { from: 2, to: 5, open: true },
      ]);
    });

    test('a gap of a response that was too large is closed when all of its span is covered', async () => {
      await subject.journal.commit(page({ gaps: [tooLarge(0, 10), gap(0, 10)] }));
      await subject.journal.commit(page({ covered: { from: 0, to: 6 } }));
      const half = await spans(subject.journal);
      await subject.journal.commit(page({ covered: { from: 6, to: 10 } }));

      expect(half).toMatchObject([{ open: true }, { open: true }]);
      expect((await openGaps(subject.journal)).map(({ reason }) => reason)).toEqual(['page-limit']);
    });

    test('a gap of a response that was too large is closed when the stream is caught up behind it', async () => {
      await subject.journal.commit(page({ gaps: [tooLarge(0, 10)] }));
      const later = { from: 8, to: 20 };
      await subject.journal.commit(page({ covered: later }));
      await subject.journal.commit(page({ covered: later, complete: true, deferred: 1 }));
      await subject.journal.commit(page({ covered: { from: 8, to: 9 }, complete: true }));
      const before = await openGaps(subject.journal);
      await subject.journal.commit(page({ covered: later, complete: true }));

      expect(before).toHaveLength(1);
      expect(await openGaps(subject.journal)).toEqual([]);
    });

    test('a page that covers a span opens a gap in it all the same', async () => {
      await subject.journal.commit(page({ covered: { from: 0, to: 20 }, gaps: [tooLarge(5, 10)] }));

      expect(await spans(subject.journal)).toEqual([{ from: 5, to: 10, open: true }]);
    });

    test.each([
      { one: tooLarge(5, 30), isKnown: true },
      { one: tooLarge(10, 30), isKnown: false },
      { one: gap(2, 8), isKnown: true },
      { one: gap(5, 30), isKnown: false },
      { one: gap(2, 8, 'tenant'), isKnown: false },
    ])('whether $one.reason from $one.from to $one.to is a known gap: $isKnown', async ({ one, isKnown }) => {
      await subject.journal.commit(page({ gaps: [tooLarge(0, 10), gap(0, 10)] }));

      const known = await subject.journal.gaps.of(KEY);

      expect(known.some((other) => isKnownGap(one, other))).toBe(isKnown);
    });
  });
}
