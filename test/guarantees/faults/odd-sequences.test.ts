import { readFileSync } from 'node:fs';
import process from 'node:process';
import { expect, it } from 'vitest';
import type { Random } from '../../../src/core/clock.ts';
import { ACCEPTED } from '../../../src/simulators/otlp-receiver.ts';
import { pick, seeded } from '../../../src/simulators/seeded.ts';
import { openStage } from '../kills/lives.ts';
import { RESPONSES, vendorFailures } from './odd-answers.ts';
import { SUBJECTS } from '../subjects/subjects.ts';

/** How often a vendor answers as it should. */
const CALM = 0.2;

/** More than it takes to draw everything. */
const MOST_LIVES = 100;

const { PENSTOCK_SEED } = process.env;
const SEED = Number(PENSTOCK_SEED ?? 1);

/** Draws each of some things once, in a random order, and then any of them. */
class Bag<T> {
  readonly #all: readonly T[];
  readonly #left: T[];
  readonly #random: Random;

  constructor(all: readonly T[], random: Random) {
    this.#all = all;
    this.#left = [...all];
    this.#random = random;
  }

  get isUsedUp(): boolean {
    return this.#left.length === 0;
  }

  draw(): T {
    const [drawn = pick(this.#random, this.#all)] = this.#left.splice(this.#random() * this.#left.length, 1);
    return drawn;
  }
}

it('responses are drawn of each row of the documented table', () => {
  const page = readFileSync(new URL('../../../docs/destinations/README.md', import.meta.url), 'utf8');
  const [, table = ''] = /\| response \| what Penstock does \|\n(.*?)\n\n/s.exec(page) ?? [];
  const documented = table.split('\n').flatMap((row) => row.split('|')[1]?.match(/\b\d{3}\b/g) ?? []);

  const drawn = new Set(RESPONSES.map(({ status }) => status));
  expect(documented.length).toBeGreaterThan(15);
  // 101 is sent as bytes.
  expect(documented.map(Number).filter((status) => status !== 101 && !drawn.has(status))).toEqual([]);
});

it.each([SEED])(
  'random sequences of failures on both sides lose nothing and send nothing as new, for every source (seed %i)',
  async (seed) => {
    const random = seeded(seed);
    const quick = { timeout: '1s' };
    const source = { ...quick, retries: 1, max_response_bytes: '1MiB' };
    await using stage = await openStage(SUBJECTS, { random, source, destination: quick });
    const responses = new Bag(RESPONSES, random);
    stage.receiver.answer = () => responses.draw();
    const vendors = stage.vendors.map((vendor) => ({
      ...vendor,
      failures: new Bag(vendorFailures(String(vendor.source['type'])), random),
    }));

    const isDone = () =>
      responses.isUsedUp &&
      vendors.every(({ failures, simulator }) => failures.isUsedUp && simulator.script.length === 0);
    let lives = 0;
    for (; lives < MOST_LIVES && !isDone(); lives += 1) {
      for (const { simulator, failures, happen } of vendors) {
        happen();
        while (simulator.script.length < 4 && !failures.isUsedUp)
          simulator.script.push(random() < CALM ? undefined : failures.draw());
      }
      const { code, stderr } = await stage.start(['once', '--deadline', '3s']).ended;
      expect([0, 3, 4], stderr).toContain(code);
    }
    process.stderr.write(`seed ${seed}: ${lives} lives\n`);
    expect(isDone()).toBe(true);
    stage.receiver.answer = () => ACCEPTED;
    await stage.start(['once']).ended;
    await stage.start(['dead-letters', 'retry']).ended;
    for (let pass = 0; pass < 10 && stage.compare().lost > 0; pass += 1) await stage.start(['once']).ended;

    expect(stage.compare()).toEqual({ lost: 0, asNew: 0 });
    const copies = [...stage.receiver.ids().values()];
    const different = copies.filter(([first, ...more]) =>
      more.some(({ bytes }) => !Buffer.from(bytes).equals(first?.bytes ?? Buffer.of())),
    );
    expect(different).toEqual([]);
  },
);
