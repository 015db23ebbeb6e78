import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { buildPage, decide, type Known, type ReadPage, remembered } from '../../src/collect/build-page.ts';
import type { SourceConfig } from '../../src/config/types.ts';
import type { LedgerValue, Observation } from '../../src/core/source.ts';
import type { LedgerEntry } from '../../src/journal/collection.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import { decoded } from '../support/records.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');

function entry(value: LedgerValue): LedgerEntry {
  return { value, uid: 'before' };
}

function observe(value?: LedgerValue, final?: boolean): Observation {
  return { key: 'k', record: {}, ...(value && { value }), ...(final !== undefined && { final }) };
}

describe('decide', () => {
  it('an append-only key is emitted once', () => {
    expect(decide('append-only', observe(), undefined)).toEqual({
      outcome: 'emitted',
      reason: 'new',
      delta: 0,
    });
    expect(decide('append-only', observe(), entry({}))).toEqual({ outcome: 'repeated' });
  });

  it('a mutable record is emitted again when a compared value changed', () => {
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

  it('a field that an earlier release did not compare is adopted without an event', () => {
    const decision = decide(
      'mutable',
      observe({ status: 'REMEDIATED', owner: 'x' }),
      entry({ status: 'REMEDIATED' }),
    );

    expect(decision).toEqual({ outcome: 'adopted' });
  });

  it('a counter is emitted as final when its bucket closes, and again when it is revised', () => {
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

  it('the deltas of a counter add up to its last count, whatever the polls', () => {
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

const source = {
  name: 'doors',
  definition: {
    id: 'acme-doors',
    vendor: 'Acme',
    product: 'Doors',
    dataset: 'acme.doors',
    categorisation: { kind: 'event', category: ['session'], type: ['info'] },
    stream: 'mutable',
    record: z.looseObject({ id: z.string(), door: z.number().optional() }),
    normalise: ({ id, door }: { id: string; door?: number }) => {
      if (door === 13) throw new Error('no such door');
      return { 'event.id': id, 'organization.id': id, message: `Door ${door}` };
    },
  },
  options: { base_url: 'https://doors.example.com', account: '', labels: {} },
} as unknown as SourceConfig;

const page = { scope: { id: '' }, lane: 'live', observedAt: NOW } as const;
const nothing: Known = { ledger: new Map(), gaps: [], covered: [] };

const encoder = new RecordEncoder({});

/** What is built of a page, with its events. */
function build(read: ReadPage, known: Known, config = source) {
  const built = buildPage({ config, encoder }, read, known);
  return { ...built, events: built.records.flatMap(decoded) };
}

function row(id: string, door: unknown, more: Partial<Observation> = {}): Observation {
  return { key: id, record: { id, door }, value: { door: String(door) }, ...more };
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}

describe('buildPage', () => {
  it('a record that is read once more repeats its first event, and no later update gets the id of an earlier one', () => {
    let ledger: Known['ledger'] = new Map();
    const read = (door: number, again = false) => {
      const built = build(
        { ...page, observations: [row('a', door), row('a', door)] },
        { ...nothing, ledger, again },
      );
      ledger = new Map(built.ledger.map(({ key, value, uid }) => [key, { value, uid }]));
      return built.events.map(({ uid }) => uid);
    };

    const before = [1, 2, 3].map((door) => read(door));
    const repeated = read(3, true);
    const later = [read(2), read(3)];
    const changed = read(4, true);

    expect(repeated).toEqual(before[0]);
    expect(new Set([...before, ...later, changed].flat()).size).toBe(6);
  });

  it('gives the same records and ledger for the same page, and changes nothing that it is given', () => {
    const observations = freeze([row('a', 1), row('b', 2), row('a', 3)]);
    const known = freeze({ ...nothing, ledger: new Map([['b', entry({ door: '2' })]]) });

    const one = build({ ...page, observations }, known);
    const other = build({ ...page, observations }, known);

    expect(one).toEqual(other);
    expect([...known.ledger]).toEqual([['b', entry({ door: '2' })]]);
  });

  it('a key that comes twice in a page is emitted as new, then as updated', () => {
    const { events, ledger, stats } = build(
      { ...page, observations: [row('a', 1), row('a', 1), row('a', 2)] },
      nothing,
    );

    expect(events.map(({ event }) => event['message'])).toEqual(['Door 1', 'Door 2']);
    expect(ledger).toEqual([{ key: 'a', value: { door: '2' }, uid: events[1]?.uid, at: NOW }]);
    expect(stats).toMatchObject({ rows: 3, new: 1, updated: 1, repeated: 1 });
  });

  it('a record that does not fit or cannot be mapped is emitted whole as a pipeline error', () => {
    const observations = [row('a', 1), row('b', 13), { key: 'c', record: { door: 5 } }];

    const { events, stats } = build({ ...page, observations }, nothing);

    expect(events.map(({ event }) => event['event.kind'])).toEqual([
      'event',
      'pipeline_error',
      'pipeline_error',
    ]);
    expect(events.map(({ event }) => event['event.original'])).toEqual([
      undefined,
      '{"id":"b","door":13}',
      '{"door":5}',
    ]);
    expect(events[1]?.event['error.message']).toBe('the mapping failed: no such door');
    expect(stats).toMatchObject({ malformed: 2, schemaChanged: true });
  });

  it('a pipeline error names the tenant of its record where the mapping still finds it', () => {
    const unfit = { key: 'a', record: { id: 'acme', door: { shut: true }, extra: 1 } };
    const nameless = { key: 'b', record: { door: 5 } };
    const strict = z.looseObject({ id: z.string(), extra: z.string() });
    const definition = { ...source.definition, record: strict };

    const { events } = build({ ...page, observations: [unfit, nameless] }, nothing, {
      ...source,
      definition,
    });

    expect(events.map(({ event }) => [event['event.kind'], event['organization.id']])).toEqual([
      ['pipeline_error', 'acme'],
      ['pipeline_error', undefined],
    ]);
  });

  it('values that do not fit are counted', () => {
    const { events, stats } = build({ ...page, observations: [row('a', 'x'), row('b', 2)] }, nothing);

    expect(stats.valuesLeftOut).toBe(1);
    expect(events[0]?.event['error.message']).toMatch(/door/);
  });

  it('an observation whose time is covered is skipped, and one without a time is not', () => {
    const observations = [row('a', 1, { at: NOW - 2 }), row('b', 2, { at: NOW }), row('c', 3)];
    const covered = [{ from: NOW - 2, to: NOW }];

    const { ledger, stats } = build({ ...page, observations }, { ...nothing, covered });

    expect(ledger.map(({ key }) => key)).toEqual(['b', 'c']);
    expect(stats.rows).toBe(2);
  });

  it('a gap within a known open one of the same reason and part is not emitted again', () => {
    const gap = { from: NOW - 10, to: NOW, reason: 'page-full', part: '' };
    const known = { ...gap, stream: 's', opened: NOW, closed: undefined };
    const gapsOf = (gaps: Known['gaps']) =>
      build({ ...page, observations: [], gaps: [gap] }, { ...nothing, gaps }).newGaps;

    expect(gapsOf([known])).toEqual([]);
    expect(gapsOf([{ ...known, closed: NOW }])).toEqual([gap]);
    expect(gapsOf([{ ...known, part: 'tenant' }])).toEqual([gap]);
    expect(gapsOf([{ ...known, from: NOW - 5 }])).toEqual([gap]);
  });

  it('events of a backfill are labelled with their lane', () => {
    const { events } = build({ ...page, lane: 'backfill', observations: [row('a', 1)] }, nothing);

    expect(events[0]?.event).toMatchObject({ 'labels.penstock_lane': 'backfill' });
  });
});
