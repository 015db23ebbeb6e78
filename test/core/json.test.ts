import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, toJson } from '../../src/core/json.ts';

describe('parseJson', () => {
  it('parseJson keeps every digit of long integers, and returns other numbers as numbers', () => {
    const text =
      '{"id":9007199254740993,"small":9007199254740991,"real":1.5,"large":1e21,"negative":-9223372036854775808}';

    expect(parseJson(text)).toEqual({
      id: 9007199254740993n,
      small: 9007199254740991,
      real: 1.5,
      large: 1e21,
      negative: -9223372036854775808n,
    });
  });

  it('parseJson returns the decimal text of the named fields', () => {
    expect(parseJson('{"dwell":656634.6116,"other":0.1}', { decimalText: ['dwell'] })).toEqual({
      dwell: '656634.6116',
      other: 0.1,
    });
  });

  it('parseJson rejects text that is not JSON', () => {
    expect(() => parseJson('{"cut":')).toThrow(SyntaxError);
  });
});

describe('toJson', () => {
  it('toJson writes what parseJson reads back unchanged, integers of any length included', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        leaf,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('tree'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(parseJson(toJson(value))).toEqual(value);
      }),
    );
  });
});
