import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FilterError, parseFilter } from '../../src/simulators/qradar-filter.ts';

const fields = { time: 'long', user: 'long', ip: 'string' } as const;
const row = { time: 100, user: 7, ip: '192.0.2.1' };

function matches(filter: string, candidate: Readonly<Record<string, unknown>> = row): boolean {
  return parseFilter(filter, fields, 'time').test(candidate);
}

describe('parseFilter', () => {
  it.each([
    ['time >= 100 and time < 101', true],
    ['time>=100 AND time<101', true],
    ['time > 100', false],
    ['time <= 100', true],
    ['time = 100', true],
    ['time != 100', false],
    ['user = 7', true],
    ['user in (1, 7)', true],
    ['user not in (1, 7)', false],
    ['user between 7 and 9', true],
    ['not user = 7', false],
    ['ip = "192.0.2.1"', true],
    ['ip != "192.0.2.1"', false],
    ['user = 1 or user = 7 and time = 0', false],
    ['(user = 1 or user = 7) and time = 100', true],
  ])('%s', (filter, expected) => {
    expect(matches(filter)).toBe(expected);
  });

  it.each([
    '',
    'time',
    'time >=',
    'time >= "100"',
    'time >= 1.5',
    'ip = 192',
    "ip = '192.0.2.1'",
    'colour = 1',
    'time >= 1 time < 2',
    '(time >= 1',
    'user in (1',
    'user in ()',
    'user not 7',
    'time ~ 1',
    'constructor = 1',
  ])('parseFilter rejects %j', (filter) => {
    expect(() => parseFilter(filter, fields, 'time')).toThrow(FilterError);
  });

  it('parseFilter compares long integers beyond 2^53 exactly', () => {
    const candidate = { user: 9007199254740993n };

    expect(matches('user = 9007199254740993', candidate)).toBe(true);
    expect(matches('user = 9007199254740992', candidate)).toBe(false);
    expect(matches('user > 7', candidate)).toBe(true);
  });

  it('parseFilter puts every matching row inside its span, and an exact span contains no other rows', () => {
    const comparison = fc
      .record({ sign: fc.constantFrom('=', '!=', '<', '<=', '>', '>='), value: fc.nat(20) })
      .map(({ sign, value }) => `time ${sign} ${value}`);
    const { filter } = fc.letrec<{ filter: string }>((tie) => ({
      filter: fc.oneof(
        { maxDepth: 4 },
        comparison,
        fc.constant('user = 7'),
        fc
          .tuple(tie('filter'), fc.constantFrom('and', 'or'), tie('filter'))
          .map(([left, word, right]) => `(${left} ${word} ${right})`),
        tie('filter').map((inner) => `not (${inner})`),
      ),
    }));
    const property = fc.property(
      filter,
      fc.integer({ min: -1, max: 22 }),
      fc.constantFrom(7, 8),
      (text, time, user) => {
        const { test, span, exact } = parseFilter(text, fields, 'time');

        const inside = time >= span.from && time < span.to;

        const fulfilled = test({ time, user });
        return exact ? fulfilled === inside : inside || !fulfilled;
      },
    );

    expect(() => fc.assert(property)).not.toThrow();
  });
});
