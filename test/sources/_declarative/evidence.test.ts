import { expect, it } from 'vitest';
import type { Finding } from '../../../src/core/source.ts';
import { serve } from '../../../src/simulators/server.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { drive } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { testPipeline } from '../../support/test-pipeline.ts';
import type { Answer } from '../../../src/sources/_declarative/answer.ts';
import { Evidence } from '../../../src/sources/_declarative/evidence.ts';
import { parseDefinition } from '../../../src/sources/_declarative/parse.ts';
import { definition, NOW } from './lab.ts';

const SIZE = 20;
const WINDOW =
  '{ window: { time: at, order: ascending, filter: from, settle: 1m, overlap: 5m, initial_lookback: 1h } }';
const WARNING = /^A page is as full as the request allows/;

/** A vendor of so many records, whose answers have `meta.next` while more follows, and nothing of it on the last page. */
async function vendorOf(records: number, paging: string, cursor = WINDOW) {
  const clock = new DrivenClock(NOW);
  const server = await serve(
    ({ query }) => {
      const from = Number(query.get('page') ?? 0);
      const to = Math.min(records, from + SIZE);
      const data = Array.from({ length: to - from }, (_, index) => ({
        id: from + index,
        at: new Date(clock.now() - 1_800_000 + 1_000 * (from + index)).toISOString(),
        action: 'x',
      }));
      return { status: 200, body: { data, ...(to < records && { meta: { next: String(to) } }) } };
    },
    { clock },
  );
  const request = `{ path: /records, query: { ${cursor === WINDOW ? 'since: "{{ iso(from) }}", ' : ''}limit: "${SIZE}" } }`;
  const source = compileDefinition(definition({ request, paging, cursor }), 'sample');
  const lab = testPipeline({ source, vendor: server, clock, config: { token: 'token-of-sample' } });
  return {
    lab,
    poll: () => drive(clock, lab.once()),
    async check() {
      await using process = lab.start();
      const findings: Finding[] = [];
      const read = async () => {
        for await (const finding of source.probe?.(process.context) ?? []) findings.push(finding);
      };
      await drive(clock, read());
      return findings.filter(({ probe }) => probe === 'paging');
    },
    warnings: () => lab.lines.filter(({ msg }) => WARNING.test(String(msg))),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

it.each([
  ['next_token.from (meta.nextToken)', '{ next_token: { from: meta.nextToken, query: page } }', WINDOW],
  [
    'next_token.more (meta.more)',
    '{ next_token: { from: meta.next, more: meta.more, query: page } }',
    WINDOW,
  ],
  ['next_url.from (the link next)', '{ next_url: { from: { link: next } } }', WINDOW],
  ['next_url.from (the header x-next)', '{ next_url: { from: { header: x-next } } }', WINDOW],
  [
    'offset.more (has_more)',
    `{ offset: { query: page, size: ${SIZE}, more: has_more } }`,
    '{ snapshot: {} }',
  ],
])('a full page without the wrong path %s is a warning, once', async (name, paging, cursor) => {
  await using vendor = await vendorOf(45, paging, cursor);

  await vendor.poll();
  await vendor.poll();

  expect(vendor.lab.events.length).toBe(SIZE);
  expect(vendor.warnings()).toMatchObject([{ penstock: { missing: `paging.${name}`, records: SIZE } }]);
});

it.each([45, SIZE - 1, 2 * SIZE, 0])(
  'a vendor of %i records that leaves the field out of its last page is no warning',
  async (records) => {
    await using vendor = await vendorOf(records, '{ next_token: { from: meta.next, query: page } }');

    await vendor.poll();
    await vendor.poll();

    expect(vendor.lab.events.length).toBe(records);
    expect(vendor.warnings()).toEqual([]);
    expect(await vendor.check()).toEqual([]);
  },
);

it('check warns of a full page without the field that names the next', async () => {
  await using vendor = await vendorOf(45, '{ next_token: { from: meta.nextToken, query: page } }');

  expect(await vendor.check()).toMatchObject([
    { verdict: 'warn', detail: expect.stringContaining('paging.next_token.from (meta.nextToken)') as string },
  ]);
});

it.each([
  { records: 100, is: 'paging.next_token.from (meta.next)' },
  { records: 20, is: undefined },
  { records: 30, is: undefined },
])(
  'of $records records, those are doubted that are as many as a body asks for, not as a time in it says',
  ({ records, is }) => {
    const paging = '{ next_token: { from: meta.next, query: page } }';
    const text = definition({
      request: '{ path: /records, query: { since: "{{ iso(from) }}" } }',
      cursor: WINDOW,
      paging,
    });
    const evidence = Evidence.of(parseDefinition({ file: 'sample', text }));
    const json = { limit: 100, filter: 'at >= 2026-03-02T12:20:00.000+05:30', day: '2026-03-20' };

    const doubt = evidence.doubt({ method: 'POST', path: '/records', route: 'api', body: { json } }, {
      rows: { length: records },
    } as unknown as Answer);

    expect(doubt).toBe(is);
  },
);
