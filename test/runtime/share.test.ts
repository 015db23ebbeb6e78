import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LeaseView } from '../../src/journal/leases.ts';
import { shareOf } from '../../src/runtime/share.ts';
import { ShareMemory } from '../../src/runtime/share-memory.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const KIND = 'source';

/** A replica in a simulation: its configuration, and what it said last of what it wants. */
interface Simulated {
  readonly id: string;
  readonly names: readonly string[];
  readonly memory: ShareMemory;
  readonly leaving: Set<string>;
  wants: number;
}

/** Replicas that tick in turn on one table of leases, as `renew`, `take` and `release` would change it. */
class Simulation {
  readonly holders = new Map<string, string>();
  readonly replicas: Simulated[] = [];
  moves = 0;
  #made = 0;

  join(names: readonly string[]): Simulated {
    this.#made += 1;
    const id = `replica-${this.#made}`;
    const memory = new ShareMemory(KIND, names);
    const replica = { id, names, memory, leaving: new Set<string>(), wants: names.length };
    this.replicas.push(replica);
    return replica;
  }

  /** It releases at once what it holds. */
  leave({ id }: Simulated): void {
    this.replicas.splice(
      this.replicas.findIndex((one) => one.id === id),
      1,
    );
    for (const name of this.heldBy(id)) this.holders.delete(name);
  }

  heldBy(id: string): string[] {
    return [...this.holders].filter(([, holder]) => holder === id).map(([name]) => name);
  }

  tick({ id, memory, leaving }: Simulated): void {
    // What was to be given back at the last tick has ended its poll by now.
    for (const name of leaving) this.holders.delete(name);
    leaving.clear();
    const held = this.heldBy(id);
    const plan = memory.plan(this.#view(id), { held, leaving: 0, isRound: true });
    for (const name of plan.giveBack) leaving.add(name);
    for (const name of plan.take) if (!this.holders.has(name)) this.holders.set(name, id);
    this.moves += plan.giveBack.length + plan.take.length;
    const self = this.replicas.find((one) => one.id === id);
    if (self !== undefined) self.wants = plan.wants;
  }

  /** All tick so many times, each time in another order. */
  rounds(count: number, random: () => number): void {
    for (let round = 0; round < count; round += 1) {
      const order = this.replicas
        .map((replica) => ({ replica, at: random() }))
        .toSorted((a, b) => a.at - b.at);
      for (const { replica } of order) this.tick(replica);
    }
  }

  #view(self: string): LeaseView {
    const all = this.replicas.map(({ id, wants }) => ({
      id,
      name: id,
      command: 'run',
      since: 0,
      sources: this.heldBy(id),
      destinations: [],
      shares: true,
      wants: { source: wants, destination: 0 },
    }));
    return { replicas: all, self, isFree: ({ name }) => !this.holders.has(name) };
  }
}

const namesOf = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `s${from + index}`);

describe('fair share', () => {
  it('the shares of all replicas add up, and differ by one at most', () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.integer({ min: 1, max: 12 }), (total, replicas) => {
        const shares = Array.from({ length: replicas }, (_, rank) => shareOf(total, replicas, rank));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(total);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('replicas that join and leave reach exact shares in four ticks each, and then nothing moves', () => {
    const steps = fc.array(fc.constantFrom('join', 'leave'), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.nat(60), steps, fc.nat(), (total, plan, seed) => {
        const random = seeded(seed);
        const simulation = new Simulation();
        const names = namesOf(total);
        simulation.join(names);
        for (const step of plan) {
          const one = simulation.replicas[Math.floor(random() * simulation.replicas.length)];
          if (step === 'join') simulation.join(names);
          else if (one !== undefined && simulation.replicas.length > 1) simulation.leave(one);
          simulation.rounds(4, random);

          const { replicas } = simulation;
          const shares = replicas.map((_, rank) => shareOf(total, replicas.length, rank));
          expect(replicas.map(({ id }) => simulation.heldBy(id).length)).toEqual(shares);
          simulation.moves = 0;
          simulation.rounds(5, random);
          expect(simulation.moves).toBe(0);
        }
      }),
    );
  });

  it('a replica that joins takes no more from the others than it gets', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.integer({ min: 1, max: 6 }), fc.nat(), (total, before, seed) => {
        const random = seeded(seed);
        const simulation = new Simulation();
        const names = namesOf(total);
        for (let joined = 0; joined < before; joined += 1) simulation.join(names);
        simulation.rounds(8, random);
        simulation.moves = 0;

        const { id } = simulation.join(names);
        simulation.rounds(8, random);

        // Each of them is given back once, and taken once. The shares of two others may differ by one more.
        const own = simulation.heldBy(id).length;
        expect(simulation.moves).toBeLessThanOrEqual(2 * (own + before));
      }),
    );
  });

  it('with two configurations side by side everything is held soon, and nothing is swapped for ever', () => {
    const config = fc.record({ from: fc.nat(20), count: fc.integer({ min: 1, max: 30 }) });
    fc.assert(
      fc.property(fc.array(config, { minLength: 2, maxLength: 5 }), fc.nat(), (configs, seed) => {
        const random = seeded(seed);
        const simulation = new Simulation();
        for (const { from, count } of configs) simulation.join(namesOf(count, from));
        const all = new Set(simulation.replicas.flatMap(({ names }) => names));

        simulation.rounds(300, random);
        simulation.moves = 0;
        simulation.rounds(20, random);

        expect(simulation.moves).toBe(0);
        expect(new Set(simulation.holders.keys())).toEqual(all);
        for (const { id, names } of simulation.replicas)
          expect(names).toEqual(expect.arrayContaining(simulation.heldBy(id)));
      }),
    );
  });
});
