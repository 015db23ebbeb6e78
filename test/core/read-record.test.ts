import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { NEEDED, readRecord } from '../../src/core/read-record.ts';

const schema = z.looseObject({
  id: z.string(),
  size: z.number().nullish(),
  owner: z.looseObject({ name: z.string(), mail: z.string().nullish() }).nullish(),
  tags: z.array(z.looseObject({ key: z.string(), value: z.string().nullish() })).nullish(),
  place: z
    .unknown()
    .refine((value) => value === undefined || typeof value === 'string', {
      error: 'expected text',
      ...NEEDED,
    })
    .optional(),
});

describe('readRecord', () => {
  it.each<[string, object, object, RegExp]>([
    ['an invalid value', { size: '7' }, { size: undefined }, /^size: [^;]*$/],
    ['an invalid member', { owner: { name: 'a', mail: 7 } }, { owner: { name: 'a' } }, /^owner\.mail: /],
    [
      'a member that lacks a required member',
      { owner: { mail: 'm' } },
      { owner: undefined },
      /^owner\.name: /,
    ],
    [
      'a member with an invalid required member',
      { owner: { name: 7 } },
      { owner: undefined },
      /^owner\.name: /,
    ],
    [
      'invalid elements of a list',
      { tags: [{ key: 'a' }, 7, { value: 'x' }, { key: 'b', value: 7 }] },
      { tags: [{ key: 'a' }, { key: 'b' }] },
      /tags\.1: .*tags\.2\.key: .*tags\.3\.value: /,
    ],
    [
      'several invalid values',
      { size: {}, owner: 'me' },
      { size: undefined, owner: undefined },
      /size: .*owner: /,
    ],
  ])('a record is read without %s, and the reading names it', (_what, odd, kept, words) => {
    const record = Object.freeze({ id: '1', more: [7], ...odd });

    const reading = readRecord(schema, record);

    expect(reading).toEqual({
      data: { id: '1', more: [7], ...kept },
      leftOut: expect.stringMatching(words),
      leftOutCount: expect.any(Number),
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['text', 'text', /expected object/],
    ['null', null, /expected object/],
    ['an object without a required member', { size: 7 }, /^id: /],
    ['an object with an invalid required member', { id: 7, size: '7' }, /^id: .*size: /],
    [
      'an object with an optional member that must fit and does not',
      { id: '1', place: 7 },
      /^place: expected text$/,
    ],
  ])('a record is malformed when it is %s', (_what, record, words) => {
    expect(readRecord(schema, record)).toEqual({ problem: expect.stringMatching(words) });
  });

  it('the problem of a record names its fields as the vendor does, without the source’s frame', () => {
    const framed = z.object({ day: z.string(), row: schema });

    const reading = readRecord(framed, { day: '2026-03-02', row: { id: '1', size: '7' } });

    expect(reading).toMatchObject({ leftOut: expect.stringMatching(/^size: /) });
  });

  it('the problem of a record names only a few of thousands of fields', () => {
    const reading = readRecord(schema, { id: '1', tags: Array.from({ length: 5_000 }, () => 7) });

    expect(reading).toMatchObject({
      data: { tags: [] },
      leftOut: expect.stringMatching(/; and 4990 more$/),
      leftOutCount: 5_000,
    });
  });

  it('any record is read without an error, and one that fits is unchanged', () => {
    const odd = fc.jsonValue({ maxDepth: 2 });
    const record = fc.record(
      { id: fc.oneof(fc.string(), odd), size: odd, owner: odd, tags: odd, place: odd },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(record, (drawn) => {
        const parsed = schema.safeParse(drawn);
        const reading = readRecord(schema, drawn);

        const whole = parsed.success ? [{ data: parsed.data, leftOut: undefined }] : [];
        for (const one of whole) expect(reading).toEqual(one);
        expect('data' in reading).toBe(
          typeof drawn.id === 'string' && (drawn.place === undefined || typeof drawn.place === 'string'),
        );
      }),
    );
  });
});
