import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RefusedError, UnavailableError, UnexpectedAnswerError } from '../../../src/core/errors.ts';
import { toJson } from '../../../src/core/json.ts';
import { Collector, counter } from './collector.ts';
import { Vendor } from './vendor.ts';

function start(at: string, options: Record<string, unknown> = {}) {
  const vendor = new Vendor(at, { unit: options['interval_type'] === 'HOUR' ? 'hour' : 'day' });
  const collector = new Collector({ http: vendor.http, now: () => vendor.now, options });
  return { vendor, collector };
}

const time = (iso: string) => Date.parse(iso);

const row = (declinedReqCount: number) => ({ id: 'a', declinedReqCount });

describe('a poll of BotBye', () => {
  it('a poll emits what is new or has grown, in the bucket of the answer’s date, and nothing else', async () => {
    const { vendor, collector } = start('2026-03-02T12:00:00Z');
    vendor.decline('a', 5);
    await collector.poll();
    vendor.pass(300_000);
    vendor.decline('b', 2);

    await collector.poll();
    await collector.poll();

    expect(collector.emitted.map(({ key }) => key)).toEqual([
      '2026-03-02T00:00:00.000Z|1|1|a',
      '2026-03-02T00:00:00.000Z|1|1|b',
    ]);
    expect(collector.emitted.map(counter)).toEqual([
      { count: 5, delta: 5, final: false },
      { count: 2, delta: 2, final: false },
    ]);
    expect(collector.cursor).toEqual({
      bucket: '2026-03-02T00:00:00.000Z',
      interval_type: 'DAY',
      zone: 'UTC',
      read: '2026-03-02T12:05:00.000Z',
    });
    expect(collector.covered).toEqual([
      { from: time('2026-03-02T00:00:00Z'), to: time('2026-03-02T12:00:00Z') },
      { from: time('2026-03-02T12:00:00Z'), to: time('2026-03-02T12:05:00Z') },
    ]);
  });

  it('an empty list means that nothing was declined', async () => {
    const { collector } = start('2026-03-02T12:00:00Z');

    const pages = await collector.poll();

    expect(pages).toMatchObject([{ observations: [], complete: true }]);
  });

  it('a bucket is closed with the last count seen, at the first reading of a later one', async () => {
    const { vendor, collector } = start('2026-03-02T23:59:45Z');
    vendor.decline('a', 5);
    await collector.poll();
    vendor.pass(5000);
    vendor.decline('a', 7);
    vendor.pass(41_000);
    vendor.decline('a', 1);
    collector.take();

    await collector.poll();

    const [closed, begun] = collector.emitted;
    expect(closed?.key).toBe('2026-03-02T00:00:00.000Z|1|1|a');
    expect(counter(closed!)).toEqual({ count: 5, delta: 0, final: true });
    expect(closed?.event).toMatchObject({
      '@timestamp': '2026-03-03T00:00:31.000Z',
      'event.start': '2026-03-02T00:00:00.000Z',
      'event.end': '2026-03-03T00:00:00.000Z',
      'botbye.declined_requests.read_until': '2026-03-02T23:59:45.000Z',
    });
    expect(begun?.key).toBe('2026-03-03T00:00:00.000Z|1|1|a');
    expect(counter(begun!)).toEqual({ count: 1, delta: 1, final: false });
    expect(collector.gaps).toEqual([]);
  });

  it('a poll does not use an answer dated shortly after an edge', async () => {
    const { vendor, collector } = start('2026-03-02T23:59:45Z');
    vendor.decline('a', 5);
    await collector.poll();
    const before = collector.cursor;
    vendor.pass(44_000);
    vendor.decline('a', 5);

    const pages = await collector.poll();

    expect(pages).toEqual([]);
    expect(collector.cursor).toEqual(before);
    expect(collector.lines).toMatchObject([{ level: 30, msg: expect.stringContaining('not used') }]);
  });

  it('a poll warns when `once` does not use its answer, because nothing asks again', async () => {
    const { vendor } = start('2026-03-02T00:00:10Z');
    const collector = new Collector({ http: vendor.http, now: () => vendor.now, mode: 'once' });

    await collector.poll();

    expect(collector.lines).toMatchObject([{ level: 40, msg: expect.stringContaining('a minute or more') }]);
  });

  it('a poll does not use the very first answer either when it is dated shortly after an edge', async () => {
    const { vendor, collector } = start('2026-03-02T00:00:10Z');
    vendor.decline('a', 5);

    await collector.poll();
    vendor.pass(20_000);
    await collector.poll();

    expect(collector.emitted.map(counter)).toEqual([{ count: 5, delta: 5, final: false }]);
  });

  it('a poll does not use an answer that a server with a slow clock dates before the edge', async () => {
    const { vendor, collector } = start('2026-03-03T00:00:31Z');
    vendor.decline('a', 5);
    await collector.poll();
    vendor.date = () => time('2026-03-02T23:59:50Z');

    const pages = await collector.poll();

    expect(pages).toEqual([]);
  });

  it('a poll opens the bucket before it emits anything of a long first answer, so that a kill leaves no open count', async () => {
    const { vendor, collector } = start('2026-03-02T12:00:00Z');
    for (let n = 0; n < 1_001; n += 1) vendor.decline(`rule-${n}`, 1);

    const [first, ...rest] = await collector.poll();

    expect(first).toMatchObject({ observations: [], cursor: { bucket: '2026-03-02T00:00:00.000Z' } });
    expect(rest.map(({ observations }) => observations.length)).toEqual([1_000, 1]);
  });

  it('a series whose count fell within its bucket is counted anew', async () => {
    const { vendor, collector } = start('2026-03-02T12:00:00Z');
    vendor.decline('a', 9);
    await collector.poll();
    vendor.pass(60_000);
    vendor.counts.set('a', 2);
    await collector.poll();
    vendor.decline('a', 1);

    await collector.poll();

    expect(collector.emitted.map((emitted) => [emitted.key.slice(25), counter(emitted)])).toEqual([
      ['1|1|a', { count: 9, delta: 9, final: false }],
      ['1|1|a', { count: 9, delta: 0, final: true }],
      ['2|1|a', { count: 2, delta: 2, final: false }],
      ['2|1|a', { count: 3, delta: 1, final: false }],
    ]);
    expect(collector.lines).toMatchObject([{ level: 40, penstock: { stream: 'p-1/rule/DAY', series: 1 } }]);
  });

  it('a series that is missing in an answer stays open, and is closed with its bucket', async () => {
    const { vendor, collector } = start('2026-03-02T12:00:00Z');
    vendor.decline('a', 9);
    await collector.poll();
    vendor.counts.delete('a');
    await collector.poll();
    vendor.to('2026-03-03T00:01:00Z');

    await collector.poll();

    expect(collector.emitted.map(counter)).toEqual([
      { count: 9, delta: 9, final: false },
      { count: 9, delta: 0, final: true },
    ]);
  });

  it('rows that share an id are counted separately, whatever their order', async () => {
    const { vendor, collector } = start('2026-03-02T12:00:00Z');
    vendor.body = [row(5), row(3)];
    await collector.poll();
    vendor.body = [row(4), row(6)];

    await collector.poll();

    expect(collector.emitted.map((emitted) => [emitted.key.slice(25), counter(emitted).delta])).toEqual([
      ['1|1|a', 5],
      ['1|2|a', 3],
      ['1|1|a', 1],
      ['1|2|a', 1],
    ]);
  });

  it('closed buckets are forgotten, one bucket late', async () => {
    const { vendor, collector } = start('2026-03-01T12:00:00Z');
    for (let day = 0; day < 4; day += 1) {
      vendor.decline('a', 1);
      await collector.poll();
      vendor.pass(86_400_000);
    }

    const buckets = (await collector.keys()).map((key) => key.slice(0, 10));

    expect(buckets).toEqual(['2026-03-03', '2026-03-04']);
  });
});

describe('what nothing showed', () => {
  it('the time from the last reading to the edge is a gap when the bucket was not read at its end', async () => {
    const { vendor, collector } = start('2026-03-02T20:00:00Z');
    vendor.decline('a', 5);
    await collector.poll();
    vendor.to('2026-03-03T08:00:00Z');

    await collector.poll();
    await collector.poll();

    expect(collector.gaps).toEqual([
      {
        from: time('2026-03-02T20:00:00Z'),
        to: time('2026-03-03T00:00:00Z'),
        reason: 'bucket-end-unseen',
        part: '',
      },
    ]);
    expect(collector.covered.at(-1)).toEqual({
      from: time('2026-03-03T00:00:00Z'),
      to: time('2026-03-03T08:00:00Z'),
    });
  });

  it('whole buckets that were missed are one gap', async () => {
    const { vendor, collector } = start('2026-03-02T23:59:50Z');
    await collector.poll();
    vendor.to('2026-03-05T00:01:00Z');

    await collector.poll();

    expect(collector.gaps).toMatchObject([
      { from: time('2026-03-02T23:59:50Z'), to: time('2026-03-05T00:00:00Z') },
    ]);
  });

  it('while the vendor is away, the gap is known and the bucket closed', async () => {
    const { vendor, collector } = start('2026-03-02T20:00:00Z');
    vendor.decline('a', 5);
    await collector.poll();
    vendor.away = true;
    vendor.to('2026-03-03T00:00:29Z');
    await expect(collector.poll()).rejects.toThrow(UnavailableError);
    const early = collector.take();
    vendor.to('2026-03-03T00:05:00Z');

    await expect(collector.poll()).rejects.toThrow(UnavailableError);
    await expect(collector.poll()).rejects.toThrow(UnavailableError);

    expect(early.map(counter)).toEqual([{ count: 5, delta: 5, final: false }]);
    expect(collector.emitted.map(counter)).toEqual([{ count: 5, delta: 0, final: true }]);
    expect(collector.gaps).toMatchObject([
      { from: time('2026-03-02T20:00:00Z'), to: time('2026-03-03T00:00:00Z') },
    ]);
    expect(collector.cursor).toMatchObject({ bucket: '2026-03-03T00:00:00.000Z' });
  });
});

describe('clocks that were ahead', () => {
  it('nothing counts twice when a clock was ahead: a bucket closed too early continues where it was', async () => {
    const { vendor, collector } = start('2026-03-02T12:00:00Z');
    vendor.decline('a', 5);
    await collector.poll();
    vendor.away = true;
    vendor.date = () => time('2026-03-02T12:10:00Z');
    vendor.to('2026-03-04T12:00:00Z');
    await collector.poll().catch(() => undefined);
    vendor.away = false;
    vendor.now = time('2026-03-02T12:10:00Z');
    vendor.counts.set('a', 7).set('b', 1);

    await collector.poll();
    vendor.counts.set('a', 8);
    await collector.poll();

    expect(collector.emitted.map((emitted) => [emitted.key.slice(8), counter(emitted)])).toEqual([
      ['02T00:00:00.000Z|1|1|a', { count: 5, delta: 5, final: false }],
      ['02T00:00:00.000Z|1|1|a', { count: 5, delta: 0, final: true }],
      ['02T00:00:00.000Z|2|1|a', { count: 7, delta: 2, final: false }],
      ['02T00:00:00.000Z|1|1|b', { count: 1, delta: 1, final: false }],
      ['02T00:00:00.000Z|2|1|a', { count: 8, delta: 1, final: false }],
    ]);
  });
});

describe('changed bucket options', () => {
  it('a changed bucket_timezone closes the open bucket, and the next reading is the base', async () => {
    const bucket = '2026-03-01T18:30:00.000Z';
    const { vendor, collector } = start('2026-03-02T12:10:00Z');
    vendor.decline('a', 5);
    await collector.poll();
    collector.take();
    Object.assign(collector.options, { bucket_timezone: 'Asia/Kolkata' });
    vendor.pass(20_000);
    vendor.decline('a', 2);
    await collector.poll();
    vendor.decline('a', 1);
    vendor.decline('b', 4);

    await collector.poll();

    expect(collector.emitted.map((emitted) => [emitted.key.slice(0, 24), counter(emitted)])).toEqual([
      ['2026-03-02T00:00:00.000Z', { count: 5, delta: 0, final: true }],
      [bucket, { count: 7, delta: 0, final: false }],
      [bucket, { count: 8, delta: 1, final: false }],
      [bucket, { count: 4, delta: 4, final: false }],
    ]);
    expect(collector.cursor).toMatchObject({ bucket });
  });

  it('a changed bucket_timezone also holds where the old and the new bucket have the same start', async () => {
    const { vendor, collector } = start('2026-03-02T00:10:00Z');
    vendor.decline('a', 5);
    await collector.poll();
    Object.assign(collector.options, { bucket_timezone: 'Europe/London' });
    await collector.poll();
    vendor.decline('a', 1);

    await collector.poll();

    expect(collector.emitted.map((emitted) => [emitted.key.slice(25), counter(emitted)])).toEqual([
      ['1|1|a', { count: 5, delta: 5, final: false }],
      ['1|1|a', { count: 5, delta: 0, final: true }],
      ['2|1|a', { count: 5, delta: 0, final: false }],
      ['2|1|a', { count: 6, delta: 1, final: false }],
    ]);
  });

  it('a long time from the last reading to the base is a gap', async () => {
    const { vendor, collector } = start('2026-03-02T12:10:00Z');
    await collector.poll();
    Object.assign(collector.options, { bucket_timezone: 'Europe/London' });
    vendor.pass(600_000);

    await collector.poll();
    vendor.pass(60_000);
    await collector.poll();

    expect(collector.gaps).toMatchObject([
      { from: time('2026-03-02T12:10:00Z'), to: time('2026-03-02T12:20:00Z') },
    ]);
    expect(collector.covered.at(-1)).toEqual({
      from: time('2026-03-02T12:20:00Z'),
      to: time('2026-03-02T12:21:00Z'),
    });
  });
});

describe('answers that are not as documented', () => {
  it.each([[{ rows: [] }], [{ error: 'No.', rows: [] }], ['[]'], [5], [true]])(
    'the answer %j fails the poll, and is never read as empty',
    async (body) => {
      const { vendor, collector } = start('2026-03-02T12:00:00Z');
      vendor.body = body;

      const polling = collector.poll();

      await expect(polling).rejects.toThrow(UnexpectedAnswerError);
      expect(collector.cursor).toBeUndefined();
    },
  );

  it.each([
    ['a list', [{ id: 'p-1_total', declinedReqCount: 12 }], 'p-1_total'],
    ['one object', { id: 'p-1_total', declinedReqCount: 12 }, 'p-1_total'],
    ['one object without a name', { declinedReqCount: 12 }, 'total_endpoint'],
  ])('total_endpoint is read as %s', async (_what, body, id) => {
    const { vendor, collector } = start('2026-03-02T12:00:00Z', { types: ['total_endpoint'] });
    vendor.body = body;

    await collector.poll();

    expect(collector.emitted.map(counter)).toEqual([{ count: 12, delta: 12, final: false }]);
    expect(collector.emitted[0]?.event).toMatchObject({
      'botbye.declined_requests.dimension': 'total_endpoint',
      'botbye.declined_requests.id': id,
    });
  });

  it('a 404 says what to check', async () => {
    const { collector, vendor } = start('2026-03-02T12:00:00Z');
    const refused = new RefusedError('404', 'http://botbye/x', 404, '{}');
    const failing = new Collector({
      http: { ...vendor.http, request: () => Promise.reject(refused) },
      now: () => vendor.now,
    });

    await expect(failing.poll()).rejects.toThrow(/account_id and project_ids.*`resource`/);
    expect(collector.emitted).toEqual([]);
  });

  it('a malformed row is emitted once as pipeline_error, as it came, and the others are counted', async () => {
    const { vendor, collector } = start('2026-03-02T12:00:00Z');
    const malformed = [
      null,
      { declinedReqCount: 3 },
      { id: '', declinedReqCount: 3 },
      { id: 'a', declinedReqCount: -1 },
      { id: 'a', declinedReqCount: 1.5 },
      { id: 'a', declinedReqCount: '7' },
      { id: 'a', declinedReqCount: 2n ** 60n },
      { id: 'a' },
      { id: 'a' },
    ];
    vendor.body = [...malformed, { id: 'b', declinedReqCount: 4 }];

    await collector.poll();
    await collector.poll();

    const [counted, ...errors] = collector.emitted;
    expect(counter(counted!)).toEqual({ count: 4, delta: 4, final: false });
    expect(errors.map(({ event }) => event['event.kind'])).toEqual(malformed.map(() => 'pipeline_error'));
    expect(errors.map(({ event }) => event['event.original'])).toEqual(malformed.map(toJson));
    expect(errors[1]?.event['error.message']).toBe('id: Invalid input: expected string, received undefined');
    expect(errors[3]?.event['error.message']).toMatch(/^declinedReqCount: [^;]*$/);
  });

  it('every row of 1,500 odd answers becomes an event or a pipeline_error', async () => {
    const value = fc.oneof(
      fc.constantFrom(null, '', 'a', '__proto__', 'constructor', '?', '/a?b?c', 'usa', true, -1, 0, 7, 1.5),
      fc.jsonValue({ maxDepth: 1 }),
    );
    const names = ['id', 'declinedReqCount', 'country', 'requestUri', 'remoteAddr', 'ruleId', 'x'];
    let [runs, { vendor, collector }] = [0, start('1990-01-01T12:00:00Z')];
    const odd = fc.oneof(value, fc.dictionary(fc.constantFrom(...names), value));
    await fc.assert(
      fc.asyncProperty(fc.array(odd, { maxLength: 4 }), async (rows) => {
        // Every day is a gap, and they add up.
        if (++runs % 100 === 0) ({ vendor, collector } = start('1990-01-01T12:00:00Z'));
        vendor.body = JSON.parse(JSON.stringify(rows));
        vendor.pass(86_400_000);
        collector.take();

        await collector.poll();

        const emitted = collector.emitted.filter(
          (one) => one.event['botbye.declined_requests.final'] !== true,
        );
        expect(emitted).toHaveLength(rows.length);
      }),
      { numRuns: 1500 },
    );
  });
});
