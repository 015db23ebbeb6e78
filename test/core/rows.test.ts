import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, JsonScanner } from '../../src/core/json.ts';
import { PAGE } from '../../src/core/row-batches.ts';
import { readRows, Rows, type Shape } from '../../src/core/rows.ts';
import { LIMITS, Unreadable } from '../../src/core/read-record.ts';

const LIST: Shape = { rows: true };

async function rowsOf(text: string, shape: Shape = LIST): Promise<Rows> {
  const rows = await readRows(Buffer.from(text), shape);
  if (!(rows instanceof Rows)) throw new Error('No list.');
  return rows;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function scans(text: string): boolean {
  try {
    const scanner = new JsonScanner(Buffer.from(text));
    scanner.value();
    scanner.end();
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

describe('JsonScanner', () => {
  it('the scanner accepts what JSON.parse accepts, and nothing else', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"\\u00e9\\n"',
      '"',
      '\\',
      ' ',
      '\n',
      '\t',
      'ü',
      '\u0001',
    ];
    const numbers = [
      '0',
      '01',
      '-',
      '-1',
      '1.5',
      '1.',
      '.5',
      '1e9',
      '1E-3',
      '1e',
      '+1',
      'true',
      'nul',
      'null',
    ];
    const text = fc
      .array(fc.constantFrom(...pieces, ...numbers), { maxLength: 9 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(fc.oneof(text, fc.json()), (one) => {
        expect([one, scans(one)]).toEqual([one, isJson(one)]);
      }),
      { numRuns: 5_000 },
    );
  });

  it('the scanner measures a value of any depth', () => {
    const deep = `${'[{"a":'.repeat(500_000)}1${'}]'.repeat(500_000)}`;

    expect(new JsonScanner(Buffer.from(deep)).value()).toEqual({
      from: 0,
      to: deep.length,
      depth: 1_000_000,
      values: 1_000_001,
      longNumbers: false,
    });
  });
});

describe('Rows', () => {
  it('rows are the elements of a list of any values, in order and exact', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.json({ maxDepth: 4 })), fc.constantFrom('', ' \n'), async (all, blank) => {
        const text = `${blank}[${blank}${all.join(`${blank},`)}]${blank}`;

        const rows = await rowsOf(text);

        expect([...rows]).toEqual(parseJson(text));
        expect(rows).toHaveLength(all.length);
        const places = rows.batches.flatMap((batch) => batch.places());
        expect(places.map((place) => rows.at(place))).toEqual(parseJson(text));
      }),
    );
  });

  it('rows have the same numbers as the document parsed at once, however many digits they have', async () => {
    const digits = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String);
    const double = fc.double({ noNaN: true, noDefaultInfinity: true }).map(String);
    const number = fc.oneof(
      digits,
      double,
      digits.map((all) => `${all}.5e-7`),
    );
    const row = fc.oneof(
      number,
      number.map((one) => `{"a":[${one}],"b":"9007199254740993"}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(row), async (all) => {
        const rows = await rowsOf(`[${all.join(',')}]`);

        expect([...rows]).toEqual(parseJson(`[${all.join(',')}]`));
        const places = rows.batches.flatMap((batch) => batch.places());
        expect(places.map((place) => rows.at(place))).toEqual([...rows]);
      }),
    );
    expect([...(await rowsOf('[1, 9007199254740993]'))]).toEqual([1, 9_007_199_254_740_993n]);
  });

  it('rows come in batches of bounded size', async () => {
    const text = 'x'.repeat(10_000);
    const rows = await rowsOf(
      JSON.stringify([...Array<string>(500).fill(text), ...Array<number>(2_500).fill(1)]),
    );

    expect(rows.length).toBe(3_000);
    for (const { size, bytes } of rows.batches) {
      expect(size).toBeLessThanOrEqual(PAGE.rows);
      expect(bytes).toBeLessThanOrEqual(PAGE.bytes);
    }
  });

  it('rows are found inside objects and inside rows, and everything around them is kept', async () => {
    const shape: Shape = { members: { days: { rows: true, of: { members: { types: { rows: true } } } } } };
    const body = {
      total: 7,
      days: [{ date: '2026-03-01', types: [1, 2] }, { types: 'none' }, 3],
      types: [4],
    };

    const read = (await readRows(Buffer.from(JSON.stringify(body)), shape)) as { days: Rows };

    expect(read).toMatchObject({ total: 7, types: [4] });
    const [first, ...others] = [...read.days] as [{ date: string; types: Rows }, ...unknown[]];
    expect([first.date, [...first.types]]).toEqual(['2026-03-01', [1, 2]]);
    expect(others).toEqual([{ types: 'none' }, 3]);
    expect(read.days.batches.flatMap((batch) => batch.asWritten())).toEqual(body.days);
  });

  it.each(['[1,', '[1 2]', '{"a":[1}', '[1]]', '', '[{"a":"'])(
    'reading rows of %s fails, because it is not JSON',
    async (text) => {
      await expect(readRows(Buffer.from(text), LIST)).rejects.toThrow(SyntaxError);
    },
  );

  it('a row that is too deep or too large keeps its text, and the other rows are parsed', async () => {
    const deep = `${'['.repeat(3_000)}${']'.repeat(3_000)}`;
    const large = JSON.stringify(`é${'x'.repeat(LIMITS.bytes)}`);

    const [one, two, three, four] = [...(await rowsOf(`[{"a":1},${deep},${large},2]`))];

    expect([one, four]).toEqual([{ a: 1 }, 2]);
    expect(two).toMatchObject({ text: deep, problem: expect.stringContaining('3000 levels') });
    expect(three).toBeInstanceOf(Unreadable);
    expect(three).toMatchObject({ problem: expect.stringContaining(`${LIMITS.bytes + 4} bytes`) });
    expect(Buffer.byteLength((three as Unreadable).text)).toBe(65_536);
  });

  it('a row longer than a page is a batch by itself, scanned with turns and not again when it is parsed', async () => {
    const types = Array.from({ length: 150_000 }, (_, number) => ({ type: `type-${number}` }));
    const days = [{ types: [0] }, { date: '2026-03-01', types }, { types: [{ type: 'last' }] }];
    const shape: Shape = { rows: true, of: { members: { types: { rows: true } } } };
    const rows = await rowsOf(JSON.stringify(days), shape);

    const [before, long, after] = [...rows] as { types: Rows }[];

    expect(rows.batches.map(({ size }) => size)).toEqual([1, 1, 1]);
    expect([[...(before?.types ?? [])], [...(after?.types ?? [])]]).toEqual([[0], [{ type: 'last' }]]);
    expect(long).toMatchObject({ date: '2026-03-01' });
    expect([...(long?.types ?? [])]).toEqual(types);
    expect(rows.batches[1]?.rows()[0]).toBe(long);
    expect(rows.at(Number(rows.batches[1]?.places()[0]))).toBe(long);
    expect(rows.batches.flatMap((batch) => batch.asWritten())[1]).toBeInstanceOf(Unreadable);
  });

  it('the event loop gets turns while a long answer is read', async () => {
    const bytes = Buffer.from(JSON.stringify(Array<string>(4_000).fill('x'.repeat(1_000))));
    let turns = 0;
    const count = () => {
      turns += 1;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);

    await readRows(bytes, LIST);

    clearImmediate(immediate);
    expect(turns).toBeGreaterThanOrEqual(3);
  });
});
