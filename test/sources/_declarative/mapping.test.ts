import { expect, it } from 'vitest';
import type { EcsEvent } from '../../../src/core/event.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { definition } from './lab.ts';

const PARTS = {
  request: '{ path: /records, query: { since: "{{ iso(from) }}" } }',
  cursor: '{ window: { time: at, as: epoch_s, order: none, filter: from } }',
};

/** The event that a record becomes. */
function mapped(
  record: unknown,
  parts: Readonly<Record<string, string>>,
  { item, reason = 'new' }: { readonly item?: unknown; readonly reason?: 'new' | 'updated' } = {},
): EcsEvent {
  const source = compileDefinition(definition({ ...PARTS, rest: 'drop', ...parts }), 'sample');
  const given = source.record.parse({ record, ...(item !== undefined && { item }) });
  return source.normalise(given, { scope: { id: '' }, observedAt: 0, reason, previous: undefined, delta: 0 });
}

it.each<[string, string, unknown, EcsEvent]>([
  ['a number is text in a keyword', 'user.id: id', { id: 7 }, { 'user.id': '7' }],
  [
    'a large number keeps its digits',
    'user.id: id',
    { id: 9_007_199_254_740_993n },
    { 'user.id': '9007199254740993' },
  ],
  ['text is a number in a long', 'source.port: port', { port: '443' }, { 'source.port': 443 }],
  ['true is true in a boolean', 'faas.coldstart: cold', { cold: 'true' }, { 'faas.coldstart': true }],
  ['a single value is a list where ECS has one', 'tags: tag', { tag: 'a' }, { tags: ['a'] }],
  [
    'a field takes the first element of a list',
    'user.name: names',
    { names: ['anna', 'boris'] },
    { 'user.name': 'anna' },
  ],
  ['null in a list counts as absent', 'user.name: names', { names: [null, 'anna'] }, { 'user.name': 'anna' }],
  [
    'a date is read as the cursor says',
    'event.start: begun',
    { begun: 1_772_452_800 },
    { 'event.start': '2026-03-02T12:00:00.000Z' },
  ],
  [
    'a date is read as the field says',
    'event.start: { path: begun, as: iso }',
    { begun: '2026-03-02T12:00:00.123456Z' },
    { 'event.start': '2026-03-02T12:00:00.123456Z' },
  ],
  [
    'an address that is no IP is only an address',
    'source.ip: ip',
    { ip: 'host.example' },
    { 'source.address': 'host.example' },
  ],
  [
    'a constant is set when its condition holds',
    'event.reason: { value: why, when: has(record.a) }',
    { a: 1 },
    { 'event.reason': 'why' },
  ],
  ['a condition on an absent field is false', 'event.reason: { value: why, when: record.a.b == 1 }', {}, {}],
  [
    'an expression on an absent field leaves its field out',
    'event.reason: { cel: record.a + "x" }',
    { a: null },
    {},
  ],
  [
    'integers of CEL are numbers',
    'source.port: { cel: record.port + 1 }',
    { port: 442 },
    { 'source.port': 443 },
  ],
  [
    'times of CEL are dates',
    'event.start: { cel: \'parse_time(record.day, "yyyy-MM-dd")\' }',
    { day: '2026-03-02' },
    { 'event.start': '2026-03-02T00:00:00.000Z' },
  ],
  [
    'categories follow the action',
    'event.category: { cel: \'{"login": ["authentication"]}[?record.type].orValue(["iam"])\' }',
    { type: 'login' },
    { 'event.category': ['authentication'] },
  ],
  [
    'a path with a dot in a name, and an element',
    'user.name: \'["a.b"][1].c\'',
    { 'a.b': [0, { c: 'anna' }] },
    { 'user.name': 'anna' },
  ],
  ['hosts are related', 'host.name: name', { name: 'h1' }, { 'host.name': 'h1', 'related.hosts': ['h1'] }],
  ['inherited members are absent', 'user.name: constructor.name', {}, {}],
])('%s', (_, map, record, event) => {
  expect(
    mapped(record, { map: `{ ${map} }`, event: '{ kind: event, category: [iam], type: [info] }' }),
  ).toEqual(event);
});

it.each<[string, unknown, string]>([
  ['source.port: port', { port: 'https' }, 'source.port (port): expected a whole number (got https)'],
  ['host.ip: ip', { ip: 'host.example' }, 'host.ip (ip): expected an IP address (got host.example)'],
  [
    'event.start: begun',
    { begun: 'yesterday' },
    'event.start (begun): expected a time as epoch_s (got yesterday)',
  ],
  ['event.outcome: result', { result: 'ok' }, 'event.outcome (result): ECS does not allow ok'],
  ['user.name: name', { name: { first: 'anna' } }, 'user.name (name): expected text (got an object)'],
  ['event.reason: { cel: \'record.a.startsWith("x")\' }', { a: 7 }, 'event.reason: the expression failed: '],
  [
    "event.reason: { cel: 'string(record.list.map(x, record.list.map(y, 1)).size())' }",
    { list: Array.from({ length: 900 }, () => 1) },
    'event.reason: the expression failed: it takes too many steps',
  ],
])('with %s, %j is left out and named', (map, record, problem) => {
  const event = mapped(record, { map: `{ ${map} }` });

  expect(event['error.message']).toContain(`Left out, since it does not fit: ${problem}`);
  expect(Object.keys(event)).toEqual(['event.original', 'error.message']);
});

it('unmapped fields are kept below the dataset, in snake case', () => {
  const record = {
    at: 1,
    actorName: 'anna',
    IPAddress: '192.0.2.1',
    size: 7,
    flags: [true, 1],
    nested: { 'a.b': 'x', deepOne: { y: 2 }, none: null, empty: {} },
    objects: [{ a: 1 }, { b: [2] }],
    mappedOne: { kept: 1, gone: 2 },
  };

  const event = mapped(record, {
    rest: 'vendor',
    map: '{ user.id: mappedOne.gone }',
    fields: '{ sample.records.size: long }',
  });

  expect(event).toEqual({
    'user.id': '2',
    'sample.records.at': '1',
    'sample.records.actor_name': 'anna',
    'sample.records.ip_address': '192.0.2.1',
    'sample.records.size': 7,
    'sample.records.flags': ['true', '1'],
    'sample.records.nested.a_b': 'x',
    'sample.records.nested.deep_one.y': '2',
    'sample.records.objects': '[{"a":1},{"b":[2]}]',
    'sample.records.mapped_one.kept': '1',
  });
});

it('a name that would be both a value and an object has its value beside it, and of two equal names the first wins', () => {
  const event = mapped(
    { userId: 5, user_id: { x: 1 }, UserName: 'a', userName: 'b' },
    { rest: 'vendor', map: '{}' },
  );

  expect(event).toMatchObject({
    'sample.records.user_id._value': '5',
    'sample.records.user_id.x': '1',
    'sample.records.user_name': 'a',
    'error.message': 'Left out, since it does not fit: 1 more vendor fields',
  });
});

it('at most a thousand vendor fields of a record are kept', () => {
  const record = Object.fromEntries(Array.from({ length: 1_500 }, (_, n) => [`f${n}`, n]));

  const event = mapped(record, { rest: 'vendor', map: '{}' });

  expect(Object.keys(event).filter((name) => name.startsWith('sample.records.'))).toHaveLength(1_000);
  expect(event['error.message']).toContain('500 more vendor fields');
});

it('an element of a list has its fields below `item`, and says why it is sent', () => {
  const event = mapped(
    { id: 1, login: 'anna', events: [{ name: 'a' }] },
    {
      rest: 'vendor',
      split: 'events',
      map: '{ event.action: item.name, event.reason: { cel: item.name + change } }',
    },
    { item: { name: 'a', more: { x: 1 } }, reason: 'updated' },
  );

  expect(event).toEqual({
    'event.action': 'a',
    'event.reason': 'aupdated',
    'sample.records.id': '1',
    'sample.records.login': 'anna',
    'sample.records.item.more.x': '1',
  });
});

it('a vendor field whose name another path of `map` has is counted and left out; an expression may replace one', () => {
  const event = mapped(
    { id: 1, user: 'anna', login: 'a-1', size: '7 kB' },
    {
      rest: 'vendor',
      fields: '{ sample.records.size: long }',
      map: `{ sample.records.user: login, sample.records.size: { cel: 'int(record.size.split(" ")[0])' } }`,
    },
  );

  expect(event).toMatchObject({
    'sample.records.user': 'a-1',
    'sample.records.size': 7,
    'error.message': expect.stringMatching(/: 1 more vendor fields$/),
  });
});
