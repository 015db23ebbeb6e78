import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Shipment } from '../../src/deliver/bisector.ts';

interface Outcome {
  readonly taken: readonly number[];
  readonly condemned: readonly number[];
  readonly requests: number;
  readonly stuck: boolean;
}

/** Ships to a receiver that refuses every request with one of these records in it, until all is settled or stuck. */
function ship(shipment: Shipment, bad: ReadonlySet<number>, { failing = false } = {}): Outcome {
  const taken: number[] = [];
  const condemned: number[] = [];
  for (let requests = 0; ; requests += 1) {
    const indices = shipment.next();
    if (indices.length === 0 || shipment.stuck) return { taken, condemned, requests, stuck: shipment.stuck };
    if (!indices.some((index) => bad.has(index))) {
      taken.push(...indices);
      shipment.accept();
      continue;
    }
    const refusal = failing ? shipment.trouble('failing') : shipment.refuse();
    if (refusal?.kind === 'condemned') condemned.push(refusal.index);
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

describe('a shipment with records at fault', () => {
  test('takes every good one once, condemns every bad one, in few requests', () => {
    fc.assert(
      fc.property(mixed, ({ size, bad }) => {
        const outcome = ship(new Shipment(size), new Set(bad));
        // Four in a row of those tried one by one may all be at fault. Pausing is right then.
        fc.pre(bad.length < 4 || !outcome.stuck);

        expect(ascending(outcome.taken)).toEqual(
          [...Array(size).keys()].filter((index) => !bad.includes(index)),
        );
        expect(ascending(outcome.condemned)).toEqual(ascending(bad));
        expect(outcome.requests).toBeLessThanOrEqual(
          1 + bad.length * (2 * Math.ceil(Math.log2(size)) + 2) + 2,
        );
      }),
    );
  });

  test('finds the same where a failing receiver is asked three times', () => {
    fc.assert(
      fc.property(mixed, ({ size, bad }) => {
        const outcome = ship(new Shipment(size), new Set(bad), { failing: true });
        fc.pre(!outcome.stuck);

        expect(ascending(outcome.condemned)).toEqual(ascending(bad));
        expect(ascending([...outcome.taken, ...outcome.condemned])).toEqual([...Array(size).keys()]);
      }),
    );
  });

  test('tells a settled beginning that only grows', () => {
    fc.assert(
      fc.property(mixed, ({ size, bad }) => {
        const shipment = new Shipment(size);
        let before = 0;
        for (let sent = shipment.next(); sent.length > 0 && !shipment.stuck; sent = shipment.next()) {
          if (sent.some((index) => bad.includes(index))) shipment.refuse();
          else shipment.accept();

          expect(shipment.settledUpTo).toBeGreaterThanOrEqual(before);
          before = shipment.settledUpTo;
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

  const outcome = ship(new Shipment(1000), bad);

  expect(outcome.stuck).toBe(false);
  expect(outcome.condemned).toHaveLength(301);
});

describe('a receiver that refuses everything', () => {
  test.each([1, 2, 3, 4, 7, 1000])('costs no record of %i, and few requests', (size) => {
    const everything = new Set(Array(size).keys());

    const outcome = ship(new Shipment(size), everything);

    expect(outcome).toMatchObject({ condemned: [], taken: [], stuck: true });
    expect(outcome.requests).toBeLessThan(16);
  });

  test('and then takes everything again gets every record', () => {
    const shipment = new Shipment(100);
    ship(shipment, new Set(Array(100).keys()));

    const outcome = ship(unstuck(shipment), new Set());

    expect(ascending(outcome.taken)).toHaveLength(99);
    expect(outcome.condemned).toEqual([]);
  });

  test('is told apart from a single record at fault by a later record that is taken', () => {
    const shipment = new Shipment(1);
    ship(shipment, new Set([0]));
    shipment.append(2);

    const outcome = ship(shipment, new Set([0]));

    expect(outcome).toMatchObject({ condemned: [0], stuck: false });
    expect(ascending(outcome.taken)).toEqual([1, 2]);
  });
});

/** One request of the stuck shipment is taken. */
function unstuck(shipment: Shipment): Shipment {
  shipment.next();
  shipment.accept();
  return shipment;
}

test('a record refused by words about itself is condemned at once', () => {
  const shipment = new Shipment(1);
  shipment.next();

  const refusal = shipment.refuse({ aboutItself: true });

  expect(refusal).toEqual({ kind: 'condemned', index: 0 });
});

test('a throttled request is split after three times, a single record never condemned', () => {
  const shipment = new Shipment(2);
  const sizes = [];
  for (let round = 0; round < 10; round += 1) {
    sizes.push(shipment.next().length);
    shipment.trouble('too-much');
  }

  expect(sizes).toEqual([2, 2, 2, 1, 1, 1, 1, 1, 1, 1]);
  expect(shipment.stuck).toBe(false);
});

/** How many records each request had, to a receiver that never answers one with such a record in it. */
function sizes(shipment: Shipment, silent: (indices: readonly number[]) => boolean): number[] {
  const seen: number[] = [];
  for (let turn = 0; turn < 40; turn += 1) {
    const indices = shipment.next();
    if (indices.length === 0) break;
    seen.push(indices.length);
    answerOrNot(shipment, !silent(indices));
  }
  return seen;
}

/** One request that is, or is not, answered; returns what that led to. */
function answerOrNot(shipment: Shipment, answered: boolean) {
  if (!answered) return shipment.trouble('unanswered');
  shipment.accept();
  return undefined;
}

describe('a request that is not answered', () => {
  test('is halved after two in a row, its parts at their first', () => {
    const seen = sizes(new Shipment(100), ({ length }) => length > 20);

    expect(seen).toEqual([100, 100, 50, 25, 13, 12, 25, 13, 12, 50, 25, 13, 12, 25, 13, 12]);
  });

  test.each([0, 5, 19, 38, 39])('ends with the record %i of 40 alone condemned', (bad) => {
    const shipment = new Shipment(40);
    const condemned: number[] = [];
    let requests = 0;
    for (let sent = shipment.next(); sent.length > 0; sent = shipment.next()) {
      requests += 1;
      const refusal = answerOrNot(shipment, !sent.includes(bad));
      if (refusal?.kind === 'condemned') condemned.push(refusal.index);
    }

    expect(condemned).toEqual([bad]);
    expect(shipment.settledUpTo).toBe(40);
    expect(requests).toBeLessThan(20);
  });

  test.each([1, 2, 40, 1000])('costs no record of %i when the receiver never answers', (size) => {
    const shipment = new Shipment(size);
    const refusals = [];
    for (let turn = 0; turn < 100; turn += 1) {
      shipment.next();
      refusals.push(shipment.trouble('unanswered')?.kind);
    }

    expect(refusals).not.toContain('condemned');
    expect(shipment.stuck).toBe(true);
  });

  test('costs no record when the receiver stops answering in the middle of a batch', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 200 }),
        fc.integer({ min: 2, max: 12 }),
        fc.constantFrom(1, 7, Infinity),
        (size, from, most) => {
          const shipment = new Shipment(size);
          const condemned: number[] = [];
          let next = shipment.next({ most });
          // Too slow for a third of the batch, and then silent for ever.
          for (let request = 0; request < 100 && next.length > 0; request += 1) {
            const silent = request >= from || next.length > size / 3;
            // A right neighbour of a record that was taken last is the one that may be lost.
            if (request === from && next.length === 1) return;
            const refusal = answerOrNot(shipment, !silent);
            if (refusal?.kind === 'condemned') condemned.push(refusal.index);
            next = shipment.next({ most });
          }

          expect(condemned).toEqual([]);
        },
      ),
    );
  });

  test('is halved at its first when it is larger than what was taken before', () => {
    const shipment = new Shipment(20);
    shipment.next();

    expect(shipment.trouble('unanswered', { larger: true })).toEqual({ kind: 'split' });
    expect(shipment.next()).toHaveLength(10);
  });
});

describe('a request that is forbidden', () => {
  test('pauses, until another record was taken: then the record at fault is found', () => {
    const shipment = new Shipment(20);
    const condemned: number[] = [];
    let pauses = 0;
    let alone = false;
    for (let sent = shipment.next(); sent.length > 0; sent = shipment.next({ alone })) {
      if (!sent.includes(7)) {
        shipment.accept();
        alone = false;
        continue;
      }
      const refusal = shipment.forbid();
      alone = refusal === undefined;
      if (refusal === undefined) pauses += 1;
      if (refusal?.kind === 'condemned') condemned.push(refusal.index);
    }

    expect({ condemned, pauses }).toEqual({ condemned: [7], pauses: 1 });
  });

  test('is tried with another record each time, so that the first one alone does not block the others', () => {
    const shipment = new Shipment(20);
    const tried = [];
    for (let turn = 0; turn < 3; turn += 1) {
      tried.push(shipment.next({ alone: turn > 0 }));
      shipment.forbid();
    }

    expect(tried.slice(1)).toEqual([[0], [19]]);
  });

  test('costs no record while all are', () => {
    const shipment = new Shipment(5);
    const refusals = [];
    for (let turn = 0; turn < 30; turn += 1) {
      shipment.next({ alone: turn > 0 });
      refusals.push(shipment.forbid());
    }

    expect(refusals.every((refusal) => refusal === undefined)).toBe(true);
    expect(shipment.stuck).toBe(true);
  });
});

test('no more records are sent at once than are asked for', () => {
  const shipment = new Shipment(5);

  const first = shipment.next({ most: 2 });
  shipment.accept();
  const second = shipment.next({ most: 2 });

  expect([first, second]).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

test('one alone is sent while it is found out how things are', () => {
  const shipment = new Shipment(5);

  const first = shipment.next({ alone: true });
  shipment.accept();
  const rest = shipment.next();

  expect(first).toEqual([0]);
  expect(rest).toEqual([1, 2, 3, 4]);
});
