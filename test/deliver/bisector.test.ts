import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchBisector } from '../../src/deliver/bisector.ts';

interface Outcome {
  readonly accepted: readonly number[];
  readonly deadLetters: readonly number[];
  readonly requests: number;
  readonly stuck: boolean;
}

/** Sends to a receiver that rejects every request with one of these records in it, until all is settled or stuck. */
function deliver(bisector: BatchBisector, bad: ReadonlySet<number>, { failing = false } = {}): Outcome {
  const accepted: number[] = [];
  const deadLetters: number[] = [];
  for (let requests = 0; ; requests += 1) {
    const indices = bisector.next();
    if (indices.length === 0 || bisector.stuck)
      return { accepted, deadLetters, requests, stuck: bisector.stuck };
    if (!indices.some((index) => bad.has(index))) {
      accepted.push(...indices);
      bisector.accept();
      continue;
    }
    const bisection = failing ? bisector.retry('failing') : bisector.reject();
    if (bisection?.kind === 'dead-letter') deadLetters.push(bisection.index);
  }
}

const ascending = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

/** A size and some of its indices, but not all. */
const mixed = fc.integer({ min: 2, max: 300 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    bad: fc.uniqueArray(fc.nat(size - 1), { maxLength: Math.min(size - 1, 20) }),
  }),
);

describe('a batch with records at fault', () => {
  test('every good record is accepted once and every bad one becomes a dead letter, in few requests', () => {
    fc.assert(
      fc.property(mixed, ({ size, bad }) => {
        const outcome = deliver(new BatchBisector(size), new Set(bad));
        // Four in a row of those tried one by one may all be at fault. Pausing is right then.
        fc.pre(bad.length < 4 || !outcome.stuck);

        expect(ascending(outcome.accepted)).toEqual(
          [...Array(size).keys()].filter((index) => !bad.includes(index)),
        );
        expect(ascending(outcome.deadLetters)).toEqual(ascending(bad));
        expect(outcome.requests).toBeLessThanOrEqual(
          1 + bad.length * (2 * Math.ceil(Math.log2(size)) + 2) + 2,
        );
      }),
    );
  });

  test('the records at fault are also found at a receiver that fails three times for each request', () => {
    fc.assert(
      fc.property(mixed, ({ size, bad }) => {
        const outcome = deliver(new BatchBisector(size), new Set(bad), { failing: true });
        fc.pre(!outcome.stuck);

        expect(ascending(outcome.deadLetters)).toEqual(ascending(bad));
        expect(ascending([...outcome.accepted, ...outcome.deadLetters])).toEqual([...Array(size).keys()]);
      }),
    );
  });

  test('the settled beginning of a batch only grows', () => {
    fc.assert(
      fc.property(mixed, ({ size, bad }) => {
        const bisector = new BatchBisector(size);
        let before = 0;
        for (let sent = bisector.next(); sent.length > 0 && !bisector.stuck; sent = bisector.next()) {
          if (sent.some((index) => bad.includes(index))) bisector.reject();
          else bisector.accept();

          expect(bisector.settledUpTo).toBeGreaterThanOrEqual(before);
          before = bisector.settledUpTo;
        }
      }),
    );
  });
});

test('a run of records at fault does not hide the good ones', () => {
  const bad = new Set([
    0,
    ...Array(300)
      .keys()
      .map((index) => 700 + index),
  ]);

  const outcome = deliver(new BatchBisector(1000), bad);

  expect(outcome.stuck).toBe(false);
  expect(outcome.deadLetters).toHaveLength(301);
});

describe('a receiver that rejects everything', () => {
  test.each([1, 2, 3, 4, 7, 1000])(
    'a receiver that rejects everything costs none of %i records, and few requests',
    (size) => {
      const everything = new Set(Array(size).keys());

      const outcome = deliver(new BatchBisector(size), everything);

      expect(outcome).toMatchObject({ deadLetters: [], accepted: [], stuck: true });
      expect(outcome.requests).toBeLessThan(16);
    },
  );

  test('a receiver that rejects everything and then accepts again gets every record', () => {
    const bisector = new BatchBisector(100);
    deliver(bisector, new Set(Array(100).keys()));

    const outcome = deliver(unstuck(bisector), new Set());

    expect(ascending(outcome.accepted)).toHaveLength(99);
    expect(outcome.deadLetters).toEqual([]);
  });

  test('a later record that is accepted proves a single rejected record at fault', () => {
    const bisector = new BatchBisector(1);
    deliver(bisector, new Set([0]));
    bisector.append(2);

    const outcome = deliver(bisector, new Set([0]));

    expect(outcome).toMatchObject({ deadLetters: [0], stuck: false });
    expect(ascending(outcome.accepted)).toEqual([1, 2]);
  });
});

/** The next request of a batch that is stuck is accepted. */
function unstuck(bisector: BatchBisector): BatchBisector {
  bisector.next();
  bisector.accept();
  return bisector;
}

test('a record that is rejected by words about itself becomes a dead letter at once', () => {
  const bisector = new BatchBisector(1);
  bisector.next();

  const bisection = bisector.reject({ aboutItself: true });

  expect(bisection).toEqual({ kind: 'dead-letter', index: 0 });
});

test('a throttled request is split after three tries, and a single record never becomes a dead letter', () => {
  const bisector = new BatchBisector(2);
  const sizes = [];
  for (let round = 0; round < 10; round += 1) {
    sizes.push(bisector.next().length);
    bisector.retry('too-much');
  }

  expect(sizes).toEqual([2, 2, 2, 1, 1, 1, 1, 1, 1, 1]);
  expect(bisector.stuck).toBe(false);
});

/** How many records each request had, to a receiver that never answers one with such a record in it. */
function sizes(bisector: BatchBisector, silent: (indices: readonly number[]) => boolean): number[] {
  const seen: number[] = [];
  for (let turn = 0; turn < 40; turn += 1) {
    const indices = bisector.next();
    if (indices.length === 0) break;
    seen.push(indices.length);
    answerOrNot(bisector, !silent(indices));
  }
  return seen;
}

/** One request that is, or is not, answered; returns what that led to. */
function answerOrNot(bisector: BatchBisector, answered: boolean) {
  if (!answered) return bisector.retry('unanswered');
  bisector.accept();
  return undefined;
}

describe('a request without a response', () => {
  test('a request is halved after two tries without a response, its parts after one', () => {
    const seen = sizes(new BatchBisector(100), ({ length }) => length > 20);

    expect(seen).toEqual([100, 100, 50, 25, 13, 12, 25, 13, 12, 50, 25, 13, 12, 25, 13, 12]);
  });

  test.each([0, 5, 19, 38, 39])('a record %i of 40 that is never answered is the only dead letter', (bad) => {
    const bisector = new BatchBisector(40);
    const deadLetters: number[] = [];
    let requests = 0;
    for (let sent = bisector.next(); sent.length > 0; sent = bisector.next()) {
      requests += 1;
      const bisection = answerOrNot(bisector, !sent.includes(bad));
      if (bisection?.kind === 'dead-letter') deadLetters.push(bisection.index);
    }

    expect(deadLetters).toEqual([bad]);
    expect(bisector.settledUpTo).toBe(40);
    expect(requests).toBeLessThan(20);
  });

  test.each([1, 2, 40, 1000])('a receiver that never answers costs none of %i records', (size) => {
    const bisector = new BatchBisector(size);
    const bisections = [];
    for (let turn = 0; turn < 100; turn += 1) {
      bisector.next();
      bisections.push(bisector.retry('unanswered')?.kind);
    }

    expect(bisections).not.toContain('dead-letter');
    expect(bisector.stuck).toBe(true);
  });

  test('a receiver that stops answering in the middle of a batch costs no record', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 200 }),
        fc.integer({ min: 2, max: 12 }),
        fc.constantFrom(1, 7, Infinity),
        (size, from, most) => {
          const bisector = new BatchBisector(size);
          const deadLetters: number[] = [];
          let next = bisector.next({ most });
          // Too slow for a third of the batch, and then without any response.
          for (let request = 0; request < 100 && next.length > 0; request += 1) {
            const silent = request >= from || next.length > size / 3;
            // Only the right neighbour of the record that was accepted last may be lost.
            if (request === from && next.length === 1) return;
            const bisection = answerOrNot(bisector, !silent);
            if (bisection?.kind === 'dead-letter') deadLetters.push(bisection.index);
            next = bisector.next({ most });
          }

          expect(deadLetters).toEqual([]);
        },
      ),
    );
  });

  test('a request larger than those accepted before is halved after one try without a response', () => {
    const bisector = new BatchBisector(20);
    bisector.next();

    expect(bisector.retry('unanswered', { larger: true })).toEqual({ kind: 'split' });
    expect(bisector.next()).toHaveLength(10);
  });
});

describe('a request that is forbidden', () => {
  test('a forbidden request pauses until another record is accepted, and then the record at fault is found', () => {
    const bisector = new BatchBisector(20);
    const deadLetters: number[] = [];
    let pauses = 0;
    let alone = false;
    for (let sent = bisector.next(); sent.length > 0; sent = bisector.next({ alone })) {
      if (!sent.includes(7)) {
        bisector.accept();
        alone = false;
        continue;
      }
      const bisection = bisector.pause();
      alone = bisection === undefined;
      if (bisection === undefined) pauses += 1;
      if (bisection?.kind === 'dead-letter') deadLetters.push(bisection.index);
    }

    expect({ deadLetters, pauses }).toEqual({ deadLetters: [7], pauses: 1 });
  });

  test('each try after a pause is with another record, so that the first one does not block the others', () => {
    const bisector = new BatchBisector(20);
    const tried = [];
    for (let turn = 0; turn < 3; turn += 1) {
      tried.push(bisector.next({ alone: turn > 0 }));
      bisector.pause();
    }

    expect(tried.slice(1)).toEqual([[0], [19]]);
  });

  test('requests that are all forbidden cost no record', () => {
    const bisector = new BatchBisector(5);
    const bisections = [];
    for (let turn = 0; turn < 30; turn += 1) {
      bisector.next({ alone: turn > 0 });
      bisections.push(bisector.pause());
    }

    expect(bisections.every((bisection) => bisection === undefined)).toBe(true);
    expect(bisector.stuck).toBe(true);
  });
});

test('a request has no more records than the limit', () => {
  const bisector = new BatchBisector(5);

  const first = bisector.next({ most: 2 });
  bisector.accept();
  const second = bisector.next({ most: 2 });

  expect([first, second]).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

test('a paused destination is tried with one record, and the others follow', () => {
  const bisector = new BatchBisector(5);

  const first = bisector.next({ alone: true });
  bisector.accept();
  const rest = bisector.next();

  expect(first).toEqual([0]);
  expect(rest).toEqual([1, 2, 3, 4]);
});
