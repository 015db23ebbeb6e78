import { expect, it } from 'vitest';
import { Compiler, type Expression, membersUsed, withoutNulls } from '../../../src/core/cel/expression.ts';

const variables = {
  record: 'dyn',
  from: 'google.protobuf.Timestamp',
  options: { organisation: 'string', size: 'int' },
};
const compiler = new Compiler({ variables, auth: true });

function compiled(text: string): Expression {
  const expression = compiler.compile(text);
  if ('at' in expression) throw new Error(`${text}: ${expression.message}`);
  return expression;
}

const evaluated = (text: string, record: unknown = {}) =>
  compiled(text).evaluate({
    record: withoutNulls(record),
    from: new Date('2026-03-02T12:00:00.250Z'),
    options: { organisation: 'acme', size: 5n },
  });

it.each([
  ['record.n + 1', { n: 2 }, 3],
  ['10 - record.n', { n: 2 }, 8],
  ['record.n % 2 == 0.0', { n: 4 }, true],
  ['record.?result.orValue("") == "ok" ? "success" : "failure"', { result: 'ok' }, 'success'],
  ['record.?result.orValue("none")', { result: null }, 'none'],
  ['has(record.a) ? "yes" : "no"', { a: null }, 'no'],
  ['iso(from)', {}, '2026-03-02T12:00:00.250Z'],
  ['epoch_s(from)', {}, '1772452800n'],
  ['epoch_ns(from)', {}, '1772452800250000000n'],
  ['format(from, "yyyy-MM-dd HH:mm", "Europe/Berlin")', {}, '2026-03-02 13:00'],
  ['iso(parse_time("02/03/2026", "dd/MM/yyyy"))', {}, '2026-03-02T00:00:00.000Z'],
  ['join(record.list, "-")', { list: ['a', 1] }, 'a-1'],
  ['hex(hmac_sha256("key", "text"))', {}, '6afa9046a9579cad143a384c1b564b9a250d27d6f6a63f9f20bf3a7594c9e2c6'],
  ['base64(base64_decode("aGk="))', {}, 'aGk='],
  ['options.size + 1', {}, '6n'],
  ['true ? optional.of("x") : optional.none()', {}, 'x'],
])('the expression %s of %j is %j', (text, record, value) => {
  const outcome = evaluated(text, record);

  expect('value' in outcome && typeof outcome.value === 'bigint' ? `${outcome.value}n` : outcome).toEqual(
    typeof value === 'string' && /^\d+n$/.test(value) ? value : { value },
  );
});

it.each([
  ['record.missing', {}],
  ['record.a.b', { a: null }],
  ['optional.none()', {}],
  ['record.list[3]', { list: [1] }],
])('the expression %s of %j is absent', (text, record) => {
  expect(evaluated(text, record)).toEqual({ absent: true });
});

it.each([
  ['foo', 'there is no variable `foo`; here are record, from, options', 0],
  ['"a" + options.nope', 'there is no `nope`', 14],
  ['iso(options.organisation)', "found no matching overload for 'iso(string)'", 0],
  ['1 +', 'unexpected token: EOF', 3],
  ['record.a.matches("^(a+)+$")', '`matches` is not allowed: a regular expression can run for seconds', 0],
  ['record.a.map(x, x.map(y, y.map(z, z)))', 'comprehensions must not be nested more than 2 deep', 25],
  ['cel.bind(a, "x", cel.bind(b, a + a, b))', '`cel.bind` must not be used inside another `cel.bind`', 17],
])('the expression %s is refused: %s', (text, message, at) => {
  expect(compiler.compile(text)).toEqual({ message, at });
});

it.each([
  ['record.list.map(x, record.list.map(y, record.list.size()))', { list: Array.from({ length: 1_000 }) }],
  ['record.list.map(x, x)', { list: Array.from({ length: 1_000_000 }, () => 1) }],
  ['record.list.filter(x, x in record.list)', { list: Array.from({ length: 9_000 }, (_, n) => n) }],
  [
    'record.list.map(x, record.text).join()',
    { list: Array.from({ length: 900 }), text: 'x'.repeat(100_000) },
  ],
  [
    'join(record.list.map(x, record.text), "")',
    { list: Array.from({ length: 900 }), text: 'x'.repeat(9_000) },
  ],
  ['record.text.split("")', { text: 'x'.repeat(500_000) }],
  ['record.text + record.text', { text: 'x'.repeat(600_000) }],
])('the expression %s fails before it takes long', (text, record) => {
  const began = performance.now();

  const outcome = evaluated(text, {
    ...record,
    list: (record as { list?: unknown[] }).list?.map((one) => one ?? 1),
  });

  expect('failed' in outcome ? outcome.failed : 'nothing').toMatch(/too/);
  expect(performance.now() - began).toBeLessThan(5_000);
});

it('an expression on a value that is nested as deep as a record can be ends', () => {
  const deep = JSON.parse('{"a":'.repeat(99) + '1' + '}'.repeat(99)) as unknown;

  expect(evaluated('record.x == record.y', { x: deep, y: structuredClone(deep) })).toEqual({ value: true });
});

it('the members of a variable that an expression uses are found', () => {
  const { ast } = compiled(
    'options.organisation + record.a[options["size"]] + string(options.?size.orValue(1))',
  );

  expect(membersUsed(ast, 'options')).toEqual(['organisation', 'size', 'size']);
  expect(membersUsed(compiled('options').ast, 'options')).toEqual([undefined]);
});
