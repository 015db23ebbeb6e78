import fc from 'fast-check';
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Compiler, pathsUsed } from '../../src/core/cel/expression.ts';
import type { EcsEvent } from '../../src/core/event.ts';
import { toJson } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import { eventVariables } from '../../src/config/event-variables.ts';
import { malformedEvent, oddFields } from '../../src/ecs/common.ts';
import { Shape, type ShapeParts } from '../../src/ecs/shape.ts';
import { Unreadable } from '../../src/core/read-record.ts';

const KEY = 'key-of-the-hashes-0123456789';
const UID = '0123456789012345678901234567890123456789';
const FIELDS = { 'acme.owner': 'keyword', 'acme.port': 'long' } as const;

interface Wanted {
  readonly drop?: readonly string[];
  readonly remove?: readonly string[];
  readonly hash?: readonly string[];
  readonly routing?: readonly string[];
}

const compiler = new Compiler({
  variables: eventVariables({ dataset: 'acme.doors', fields: FIELDS, openNamespace: true }),
});

function shapeOf({ drop = [], remove = [], hash, routing = [] }: Wanted): Shape {
  const rules = drop.map((text) => {
    const expression = compiler.compile(text);
    if ('at' in expression) throw new Error(expression.message);
    return { expression, paths: pathsUsed(expression.ast) };
  });
  const parts: ShapeParts = {
    drop: rules,
    remove,
    hash: hash && { fields: hash, key: new Secret(KEY) },
    original: false,
    fields: FIELDS,
    routing,
  };
  return new Shape(parts);
}

function hashOf(value: string): string {
  return createHmac('sha256', KEY).update(value).digest('hex');
}

describe('drop', () => {
  const event = { 'event.outcome': 'success', 'user.name': 'svc-backup', tags: ['a'], message: 'Hello' };
  const judged = (rule: string, one: EcsEvent = event) => shapeOf({ drop: [rule] }).judge(one);

  it.each([
    ['event.outcome == "success" && user.name.startsWith("svc-")', true],
    ['event.outcome == "failure"', false],
    ['"a" in tags', true],
    ['message.contains("ell")', true],
    ['!has(user.target.name)', true],
    ['!has(source.port)', true],
    ['user.target.name == "x" || event.outcome == "success"', true],
    // Absent: the field set, the field, a field without a set.
    ['host.name == "x"', false],
    ['user.email.endsWith("x")', false],
    ['labels.team == "x"', false],
    ['acme.anything == "x"', false],
  ])('%s', (rule, drop) => {
    expect(judged(rule)).toEqual({ drop, failed: [] });
  });

  it('the name of a field reaches nothing but the event', () => {
    const hostile = { 'acme.__proto__.polluted': 'yes', 'acme.constructor': 'x', 'acme.owner': 'anna' };

    expect(judged('acme.owner == "anna"', hostile)).toEqual({ drop: true, failed: [] });
    expect({}).not.toHaveProperty('polluted');
  });

  it('a list or a message that is absent makes nothing fail', () => {
    expect(judged('"a" in tags', { 'event.kind': 'event' })).toEqual({ drop: false, failed: [] });
    expect(judged('message == ""', { 'event.kind': 'event' })).toEqual({ drop: false, failed: [] });
  });

  it('any expression that matches drops the event, also when another one failed', () => {
    const rules = ['acme.port > "x"', 'event.outcome == "success"'];

    expect(shapeOf({ drop: rules }).judge({ ...event, 'acme.port': 5 })).toMatchObject({
      drop: true,
      failed: [{ rule: 'acme.port > "x"' }],
    });
  });

  it('an expression that fails matches nothing, and says why without a value that is removed', () => {
    const shape = shapeOf({ drop: ['int(user.name) > 5'], remove: ['user.name'] });

    const { drop, failed } = shape.judge({ 'user.name': 'svc-backup' });

    expect(drop).toBe(false);
    expect(failed).toMatchObject([{ rule: 'int(user.name) > 5' }]);
    expect(JSON.stringify(failed)).not.toContain('svc-backup');
  });
});

describe('remove and hash', () => {
  it('a removed field is absent, and its value is replaced in fields, lists, messages and the original', () => {
    const shaped = shapeOf({ remove: ['user.email'] }).redact(
      {
        'event.id': 'ada@acme.com/1',
        'user.email': 'ada@acme.com',
        'related.user': ['ada@acme.com', 'bob'],
        'acme.owner': 'Ada <ada@acme.com>',
        message: 'ada@acme.com logged in',
        'event.original': toJson({ who: { mail: 'ada@acme.com', 'ada@acme.com': 1 }, n: 5, ok: true }),
      },
      UID,
    );

    expect(shaped).toEqual({
      'event.id': UID,
      'related.user': ['[removed]', 'bob'],
      'acme.owner': 'Ada <[removed]>',
      message: '[removed] logged in',
      'event.original': '{"who":{"mail":"[removed]","[removed]":1},"n":5,"ok":true}',
    });
  });

  it('a hashed value is the HMAC-SHA-256 in lower-case hexadecimal digits, everywhere', () => {
    const shaped = shapeOf({ hash: ['user.name'] }).redact(
      { 'user.name': 'ada lovelace', 'related.user': ['ada lovelace'], message: 'ada lovelace failed' },
      UID,
    );

    const hash = hashOf('ada lovelace');
    expect(hash).toMatch(/^[\da-f]{64}$/);
    expect(shaped).toEqual({ 'user.name': hash, 'related.user': [hash], message: `${hash} failed` });
  });

  it('a value that one field removes and another one hashes is hashed', () => {
    const shaped = shapeOf({
      remove: ['source.ip', 'user.email'],
      hash: ['source.address', 'user.name'],
    }).redact(
      {
        'source.ip': '192.0.2.10',
        'source.address': '192.0.2.10',
        'user.email': 'ada@acme.com',
        'user.name': 'ada@acme.com',
        'related.ip': ['192.0.2.10'],
        'related.user': ['ada@acme.com'],
      },
      UID,
    );

    expect(shaped).toEqual({
      'source.address': hashOf('192.0.2.10'),
      'user.name': hashOf('ada@acme.com'),
      'related.user': [hashOf('ada@acme.com')],
    });
  });

  it('a value of three characters is replaced only where it is a whole field', () => {
    const shaped = shapeOf({ remove: ['user.name'] }).redact(
      {
        'user.name': 'ada',
        'related.user': ['ada'],
        'host.name': 'adamant',
        message: 'ada logged in',
        'event.original': '{"a":"ada","b":"ada logged in"}',
      },
      UID,
    );

    expect(shaped).toEqual({
      'related.user': ['[removed]'],
      'host.name': 'adamant',
      message: 'ada logged in',
      'event.original': '{"a":"[removed]","b":"ada logged in"}',
    });
  });

  it('what holds no text is left out: an address, a number, a time', () => {
    const shaped = shapeOf({ remove: ['source.address', 'user.id'] }).redact(
      {
        '@timestamp': '2026-03-02T12:00:00.000Z',
        'source.address': '10.20.0.9',
        'source.ip': '10.20.0.9',
        'related.ip': ['10.20.0.9', '10.20.0.7'],
        'user.id': '40125',
        'acme.port': 40125,
        'event.original': '{"id":40125,"ip":"10.20.0.9"}',
      },
      UID,
    );

    expect(shaped).toEqual({
      '@timestamp': '2026-03-02T12:00:00.000Z',
      'related.ip': ['10.20.0.7'],
      'event.original': '{"id":"[removed]","ip":"[removed]"}',
    });
  });

  it('what routes and classifies an event stays, whatever the value is', () => {
    const event = { 'event.kind': 'event', 'event.dataset': 'acme.doors', 'organization.id': 'acme' };
    const shape = shapeOf({ remove: ['user.name'], routing: ['organization.id'] });

    expect(shape.redact({ ...event, 'user.name': 'acme' }, UID)).toEqual(event);
  });

  it('the name of a field that the vendor chose holds no removed value', () => {
    const shaped = shapeOf({ remove: ['user.name'] }).redact(
      { 'user.name': 'lovelace', 'acme.members.lovelace': 'admin', 'acme.members.LOVELACE': 'x' },
      UID,
    );

    expect(shaped).toEqual({ 'acme.members.[removed]': 'admin', 'acme.members.LOVELACE': 'x' });
  });

  it('a long number keeps its digits in the original', () => {
    const shaped = shapeOf({ remove: ['user.name'] }).redact(
      { 'user.name': 'lovelace', 'event.original': '{"n":9007199254740993123,"u":"lovelace"}' },
      UID,
    );

    expect(shaped['event.original']).toBe('{"n":9007199254740993123,"u":"[removed]"}');
  });
});

describe('a malformed record', () => {
  const shape = shapeOf({ remove: ['user.email'] });
  const redacted = (record: unknown, attempt?: EcsEvent) =>
    shape.redact(malformedEvent(record, 'time: expected a number'), UID, attempt);

  it('has its value replaced where the mapping finds it', () => {
    const record = { mail: 'ada@acme.com', note: 'keep this' };

    expect(redacted(record, { 'user.email': 'ada@acme.com' })['event.original']).toBe(
      '{"mail":"[removed]","note":"keep this"}',
    );
  });

  it.each([
    ['the mapping fails', undefined],
    ['the mapping finds no value', {}],
  ])('keeps its structure only when %s', (_why, attempt) => {
    const record = { mail: 'ada@acme.com', list: ['ada@acme.com', 7, true, null] };

    const event = redacted(record, attempt);

    expect(event['event.original']).toBe('{"mail":"[removed]","list":["[removed]","[removed]",true,null]}');
    expect(event['error.message']).toBe('time: expected a number');
  });

  it('that cannot be parsed keeps nothing', () => {
    const bytes = Buffer.from('{"mail":"ada@acme.com"');
    const unreadable = new Unreadable(bytes, {
      from: 0,
      to: bytes.length,
      depth: 200,
      values: 2,
      longNumbers: false,
    });

    expect(redacted(unreadable, {})['event.original']).toBe('"[removed]"');
  });

  it('a record of which a value did not fit keeps its structure only when a value to remove is missing', () => {
    const record = { mail: { work: 'ada@acme.com' }, name: 'ada lovelace' };
    const event = {
      message: 'A door opened',
      ...oddFields(record, 'mail: expected text (got ada@acme.com)'),
    };

    expect(JSON.stringify(shape.redact(event, UID))).not.toContain('ada@acme.com');
  });
});

/** Values that neither our own words nor a hash contain by chance. */
const value = fc
  .string({
    unit: fc.constantFrom('Q', 'Z', 'é', '"', '\\', '\n', 'ß', '日', '😀', ' ', '/', '+'),
    minLength: 5,
    maxLength: 12,
  })
  .filter((text) => /[QZ日😀é]/u.test(text) && text.trim() === text);

const encodings: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => JSON.stringify(text),
  (text) => JSON.stringify({ nested: JSON.stringify({ text }) }),
  (text) => encodeURIComponent(text),
  (text) => `before ${text} after`,
  (text) =>
    JSON.stringify(text).replaceAll(
      /[^\x20-\x7e]/g,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
];

/** Everything that a text says, its escapes decoded again and again. */
function decodings(text: string): string[] {
  const found = [text];
  for (let depth = 0; depth < 4; depth += 1) {
    const last = found.at(-1) ?? '';
    found.push(
      last
        .replaceAll(/(?:%[\dA-F]{2})+/g, (run) => decodeURIComponent(run))
        .replaceAll(/\\(?:u([\da-f]{4})|(["\\/n]))/g, (_all, unit?: string, letter?: string) =>
          unit === undefined
            ? letter === 'n'
              ? '\n'
              : (letter ?? '')
            : String.fromCharCode(Number.parseInt(unit, 16)),
        ),
    );
  }
  return found;
}

it('no removed or hashed value is left anywhere in an event, in any encoding, and the original stays JSON', () => {
  fc.assert(
    fc.property(
      value,
      value,
      fc.array(fc.tuple(fc.nat(encodings.length - 1), fc.boolean()), { maxLength: 8 }),
      (email, name, places) => {
        fc.pre(email !== name);
        const texts = places.map(([encoding, which]) => encodings[encoding]?.(which ? email : name) ?? '');
        const event = {
          'user.email': email,
          'user.name': name,
          message: texts.join(' | '),
          'related.user': [email, name, ...texts],
          'acme.owner': texts[0] ?? name,
          [`acme.by.${name}`]: 'x',
          'event.original': JSON.stringify({ email, deep: [{ [name]: texts }], texts }),
        };

        const shaped = shapeOf({ remove: ['user.email'], hash: ['user.name'] }).redact(event, UID);

        const all = [...Object.keys(shaped), ...Object.values(shaped).flat().map(String)].flatMap(decodings);
        for (const secret of [email, name]) expect(all.filter((text) => text.includes(secret))).toEqual([]);
        expect(() => JSON.parse(String(shaped['event.original'])) as unknown).not.toThrow();
        expect(shaped['user.name']).toBe(hashOf(name));
        expect(shaped).not.toHaveProperty(['user.email']);
      },
    ),
    { numRuns: 300 },
  );
});
