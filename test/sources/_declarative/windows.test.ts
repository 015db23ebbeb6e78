import fc from 'fast-check';
import { expect, it } from 'vitest';
import { serve } from '../../../src/simulators/server.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { parseDefinition } from '../../../src/sources/_declarative/parse.ts';
import { SimulatedVendor } from '../../../src/sources/_declarative/simulated-vendor.ts';
import { drive } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { type TestPipeline, testPipeline } from '../../support/test-pipeline.ts';
import { modelRuns } from '../../support/model-runs.ts';
import { failure, type Failure } from './failures.ts';

const START = '2026-03-02T12:00:00Z';
const MINUTE = 60_000;

/** How a model vendor behaves, and how a definition reads it. */
interface Model {
  readonly order: 'ascending' | 'descending' | 'none';
  readonly filter: 'both' | 'from';
  readonly exclusive: boolean;
  readonly keyed: boolean;
  readonly printed: 'iso' | 'epoch_s' | 'epoch_ms';
  readonly paging: keyof typeof PAGING;
  readonly size: number;
  readonly cap: number;
  /** Requests of one poll. */
  readonly pages: number;
}

const PAGING = {
  none: '',
  next_url: 'paging: { next_url: { from: { link: next } } }',
  next_token: 'paging: { next_token: { from: meta.next, query: cursor } }',
  offset: 'paging: { offset: { query: offset, size: SIZE, total: meta.total } }',
  bare_offset: 'paging: { offset: { query: offset, size: SIZE } }',
  page: 'paging: { page: { query: page, size: SIZE, pages: meta.pages } }',
  keyset: 'paging: { keyset: { size: SIZE } }',
} as const;

function definitionOf({ order, filter, exclusive, keyed, printed, paging, size }: Model): string {
  const to = filter === 'both' ? `until: "{{ ${printed}(to) }}", ` : '';
  return `id: model
title: A model
vendor: Model
product: Model
dataset: model.records
event: { kind: event, category: [web], type: [info] }
auth: { bearer: "{{ options.token }}" }
request:
  path: /records
  query: { since: "{{ ${printed}(from) }}", ${to}limit: "${size}" }
cursor:
  window: { time: at, as: epoch_ms, order: ${order}, filter: ${filter}, exclusive: ${exclusive}, settle: 1m, overlap: 2m, initial_lookback: 30m, slice: 20m }
${PAGING[paging].replace('SIZE', String(size))}
records: data
${keyed ? 'key: [id]' : ''}
map: { "@timestamp": at, user.name: id }
`;
}

const model: fc.Arbitrary<Model> = fc
  .record({
    order: fc.constantFrom('ascending', 'descending', 'none'),
    filter: fc.constantFrom('both', 'from'),
    exclusive: fc.boolean(),
    keyed: fc.boolean(),
    printed: fc.constantFrom('iso', 'epoch_s', 'epoch_ms'),
    paging: fc.constantFrom(...(Object.keys(PAGING) as (keyof typeof PAGING)[])),
    size: fc.integer({ min: 2, max: 5 }),
    cap: fc.integer({ min: 2, max: 6 }),
    pages: fc.constantFrom(3, 1_000, 1_000),
  } satisfies { [Name in keyof Model]: fc.Arbitrary<Model[Name]> })
  .filter(({ order, paging, keyed }) => {
    if (paging === 'keyset') return order === 'ascending';
    return keyed || !/offset|page/.test(paging);
  });

type Happening =
  /** Records with this many milliseconds before now, shown so many milliseconds later. */
  | { readonly kind: 'add'; readonly ago: number; readonly late: number; readonly count: number }
  | { readonly kind: 'poll'; readonly diesAfter: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | Failure;

const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    ago: fc.constantFrom(0, 0, 1, 900, 1_000, 5_000),
    late: fc.integer({ min: 0, max: MINUTE - 6_000 }),
    count: fc.integer({ min: 1, max: 7 }),
  }),
  fc.record({ kind: fc.constant('poll' as const), diesAfter: fc.constantFrom(0, 1, 2, 3, Infinity) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 10 * MINUTE }) }),
  failure,
);

it(
  'whatever order, filter and paging a vendor has, and whenever it fails, each record is one event, or lies in a gap',
  { timeout: 600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        model,
        fc.array(happening, { minLength: 4, maxLength: 25 }),
        async (vendorModel, happenings) => {
          const text = definitionOf(vendorModel);
          const clock = new DrivenClock(START);
          // A vendor without paging sends everything.
          const cap = vendorModel.paging === 'none' ? Infinity : vendorModel.cap;
          const model = new SimulatedVendor(parseDefinition({ file: 'model', text }), {
            now: () => clock.now(),
            cap,
          });
          const vendor = await serve((request) => model.answer(request), { clock });
          const source = compileDefinition(text, 'model', { pages: vendorModel.pages });
          const lab = testPipeline({ source, vendor, clock, config: { token: 'token-of-model' } });
          const added = new Map<string, number>();
          try {
            await drive(clock, lab.once());
            for (const one of happenings) {
              if (one.kind === 'pass') await clock.advance(one.ms);
              else if (one.kind === 'fail') vendor.script.push(one.answer);
              else if (one.kind === 'poll')
                await drive(
                  clock,
                  lab.once({}, { diesAfter: one.diesAfter }).catch(() => undefined),
                );
              else
                for (let n = 0; n < one.count; n += 1) {
                  const at = clock.now() - one.ago;
                  const id = `r${added.size}`;
                  added.set(id, at);
                  model.add(
                    vendorModel.keyed ? { id, at } : { id: `u${added.size % 2}`, at },
                    clock.now() + one.late,
                  );
                }
            }
            vendor.script.length = 0;
            await clock.advance(3 * MINUTE);
            for (let polls = 0; polls < 300; polls += 1) {
              const pages = await drive(clock, lab.once());
              if (pages.at(-1)?.complete === true) break;
            }

            const uids = lab.events.map(({ uid }) => uid);
            expect(new Set(uids).size).toBe(uids.length);
            expect(missingFrom(lab, added, vendorModel)).toEqual([]);
            // A gap is only where more records have one time than a page holds, or a poll may not send enough requests.
            const mayHaveGaps = vendorModel.paging === 'keyset' || vendorModel.pages === 3;
            expect(mayHaveGaps ? [] : lab.gaps).toEqual([]);
          } finally {
            await vendor[Symbol.asyncDispose]();
          }
        },
      ),
      { endOnFailure: false, numRuns: modelRuns(40) },
    );
  },
);

function floorOf(at: number, { printed }: Model): number {
  return printed === 'epoch_s' ? Math.floor(at / 1_000) : at;
}

/** The records that were neither emitted nor lie in a gap; without keys they are told apart by their times. */
function missingFrom(lab: TestPipeline, added: ReadonlyMap<string, number>, vendor: Model): unknown[] {
  const { keyed, paging, size, cap } = vendor;
  const together = (at: number) =>
    [...added.values()].filter((one) => floorOf(one, vendor) === floorOf(at, vendor));
  // Nobody can tell a page that the vendor cut, and behind which nothing comes, from the last page.
  const hides = (at: number) => paging === 'keyset' && cap < size && together(at).length > cap;
  const lost = (at: number) => hides(at) || lab.gaps.some(({ from, to }) => from <= at && at < to);
  if (keyed) {
    const ids = new Set(lab.events.map(({ event }) => event['event.id']));
    return [...added].filter(([id, at]) => !ids.has(id) && !lost(at));
  }
  const left = lab.events.map(({ event }) => Date.parse(String(event['@timestamp'])));
  return [...added.values()].filter((at) => {
    const found = left.indexOf(at);
    if (found >= 0) left.splice(found, 1);
    return found < 0 && !lost(at);
  });
}
