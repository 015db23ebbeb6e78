import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Shipment } from '../../src/deliver/shipment.ts';

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
    const refusal = failing ? shipment.trouble({ refusable: true }) : shipment.refuse();
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
    shipment.trouble({ refusable: false });
  }

  expect(sizes).toEqual([2, 2, 2, 1, 1, 1, 1, 1, 1, 1]);
  expect(shipment.stuck).toBe(false);
});

test('one alone is sent while it is found out how things are', () => {
  const shipment = new Shipment(5);

  const first = shipment.next({ alone: true });
  shipment.accept();
  const rest = shipment.next();

  expect(first).toEqual([0]);
  expect(rest).toEqual([1, 2, 3, 4]);
});
