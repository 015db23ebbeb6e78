import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, remembered } from '../../src/collect/build-page.ts';
import type { LedgerEntry } from '../../src/journal/journal.ts';
import type { LedgerValue, Observation } from '../../src/core/source.ts';

function entry(value: LedgerValue): LedgerEntry {
  return { value, uid: 'before' };
}

function observe(value?: LedgerValue, final?: boolean): Observation {
  return { key: 'k', record: {}, ...(value && { value }), ...(final !== undefined && { final }) };
}

describe('decide', () => {
  it('tells an append-only key once', () => {
    expect(decide('append-only', observe(), undefined)).toEqual({
      outcome: 'emitted',
      reason: 'new',
      delta: 0,
    });
    expect(decide('append-only', observe(), entry({}))).toEqual({ outcome: 'repeated' });
  });

  it('tells a mutable record again when a compared value changed', () => {
    const known = entry({ status: 'UNREMEDIATED', enabled: true });

    expect(decide('mutable', observe({ status: 'UNREMEDIATED', enabled: true }), known).outcome).toBe(
      'repeated',
    );
    expect(decide('mutable', observe({ status: 'REMEDIATED', enabled: true }), known)).toEqual({
      outcome: 'emitted',
      reason: 'updated',
      delta: 0,
    });
  });

  it('adopts a field that an earlier release did not compare, silently', () => {
    const decision = decide(
      'mutable',
      observe({ status: 'REMEDIATED', owner: 'x' }),
      entry({ status: 'REMEDIATED' }),
    );

    expect(decision).toEqual({ outcome: 'adopted' });
  });

  it('tells the rest of a counter when its bucket closes, and a revision as final again', () => {
    expect(decide('counter', observe({ count: 5 }), undefined)).toMatchObject({ reason: 'new', delta: 5 });
    expect(decide('counter', observe({ count: 5 }, true), entry({ count: 5 }))).toMatchObject({
      reason: 'final',
      delta: 0,
    });
    expect(decide('counter', observe({ count: 5 }, true), entry({ count: 5, final: true })).outcome).toBe(
      'repeated',
    );
    expect(decide('counter', observe({ count: 3 }, true), entry({ count: 5, final: true }))).toMatchObject({
      reason: 'final',
      delta: -2,
    });
  });

  it('makes deltas that add up to the last count, whatever the polls', () => {
    const polls = fc.array(fc.record({ count: fc.nat(1000), final: fc.boolean() }), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(polls, (readings) => {
        let known: LedgerEntry | undefined;
        let sum = 0;

        for (const { count, final } of readings) {
          const observation = observe({ count }, final);
          const decision = decide('counter', observation, known);
          if (decision.outcome !== 'emitted') continue;
          sum += decision.delta;
          known = entry(remembered(observation));
        }

        expect(sum).toBe(readings.at(-1)?.count);
      }),
    );
  });
});
