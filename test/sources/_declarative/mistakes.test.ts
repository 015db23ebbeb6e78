import { expect, it } from 'vitest';
import { ConfigError } from '../../../src/core/errors.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { ACME } from './definitions.ts';
import { definition } from './lab.ts';

function problemsOf(text: string): readonly string[] {
  try {
    compileDefinition(text, 'acme/source.yaml');
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The example with one text in place of another. */
const changed = (...changes: readonly (readonly [string, string])[]) =>
  changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`The example has no ${from}`);
    return text.replace(from, () => to);
  }, ACME);

it('the example of the format has no mistakes', () => {
  expect(problemsOf(ACME)).toEqual([]);
});

it.each<[string, (readonly [string, string])[], string[]]>([
  [
    'an unknown key',
    [['records: data', 'recods: data']],
    ['30:1 recods: unknown option `recods`; did you mean `records`?'],
  ],
  [
    'an unknown key inside, beside an undefined variable',
    [
      ['  path:', '  methd: GET\n  path:'],
      ['iso(to)', 'iso(till)'],
    ],
    [
      '17:3 request.methd: unknown option `methd`; did you mean `method`?',
      '19:53 request.query.until: there is no variable `till`; here are from, to, options',
    ],
  ],
  [
    'an expression of the wrong type',
    [['iso(from)', 'iso(options.organisation)']],
    ["18:23 request.query.since: found no matching overload for 'iso(string)'"],
  ],
  [
    'an option that does not exist',
    [['options.token', 'options.tokn']],
    ['12:29 auth.bearer: there is no option `tokn`; did you mean `token`?'],
  ],
  [
    'a forbidden regular expression',
    [['record.?result.orValue("") == "ok"', 'record.result.matches("o+k")']],
    ['35:26 map.event.outcome.cel: `matches` is not allowed: a regular expression can run for seconds'],
  ],
  [
    'a value that ECS does not allow',
    [['"failure"', '"failed"']],
    ['35:75 map.event.outcome.cel: ECS does not allow failed'],
  ],
  [
    'an ECS field that does not exist',
    [['user.name:', 'user.nam:']],
    [
      "36:3 map.user.nam: ECS has no field `user.nam`, and one of the vendor's own begins with `acme.`; did you mean `user.name`?",
    ],
  ],
  [
    'a category and a type that do not go together',
    [['category: [iam]', 'category: [authentication]']],
    ['6:57 event.type: `change` does not go with the category authentication'],
  ],
  [
    'a secret in the URL',
    [['limit: "1000"', 'key: "{{ options.token }}"']],
    [
      '18:71 request.query.key: `token` is a secret, which may be used in auth, request.headers and request.body only',
    ],
  ],
  [
    'an option in the path that is not in scope',
    [['scope: [organisation]', 'scope: []']],
    ['17:9 request.path: the option `organisation` names what is read, so `scope` must list it'],
  ],
  [
    'an option in the path of another request that is not in scope',
    [
      ['scope: [organisation]', '  region: { type: string }\nscope: [organisation]'],
      [
        'map:\n',
        'expand: { ids: id, request: { path: "/{{ options.region }}/{{ ids[0] }}" }, records: data, key: id }\nmap:\n',
      ],
    ],
    ['33:37 expand.request.path: the option `region` names what is read, so `scope` must list it'],
  ],
  [
    'a file in an expression',
    [
      ['scope: [organisation]', '  pem: { type: file }\nscope: [organisation]'],
      ['options.token', 'options.pem'],
    ],
    [
      '13:29 auth.bearer: `pem` is a file, which `auth` names by `file`, `key_file` or `certificate_file`; no expression reads it',
    ],
  ],
  [
    'a template that is not closed',
    [['{{ iso(to) }}', '{{ iso(to)']],
    ['18:46 request.query.until: `{{` without `}}`'],
  ],
  [
    'a cursor that is wrong, whose variables are used',
    [['order: ascending', 'order: upwards']],
    ['22:12 cursor.window.order: expected ascending, descending or none (got upwards)'],
  ],
  ['a key that is no list', [['key: [id]', 'key: id']], ['31:6 key: expected a list of paths, such as [id]']],
  [
    'two cursors',
    [['cursor:\n', 'cursor:\n  snapshot:\n']],
    ['20:3 cursor: expected exactly one of window, position, snapshot (got window and snapshot)'],
  ],
  [
    'an empty key',
    [['key: [id]', 'key: []']],
    ['31:6 key: must not be empty; leave `key` out for records without ids'],
  ],
  [
    'a path that is none',
    [['actor.login', 'actor..login']],
    ['36:19 map.user.name: invalid path `actor..login`; write names that hold other characters as ["a.b"]'],
  ],
  [
    'a format without a zone',
    [['order: ascending', 'order: ascending\n    as: { format: "yyyy" }']],
    ['23:9 cursor.window.as: a format needs `zone`, such as UTC'],
  ],
  ['a missing key', [['title: Acme audit log\n', '']], ['1:1 title: missing; expected text']],
  [
    'a comprehension that is nested three deep',
    [
      [
        '"ok" ? "success" : "failure"',
        '"ok" && [1].all(a, [1].all(b, [1].all(c, true))) ? "success" : "failure"',
      ],
    ],
    ['35:86 map.event.outcome.cel: comprehensions must not be nested more than 2 deep'],
  ],
  [
    'a key of `map` without a value',
    [['user.name: actor.login', 'user.name: {}']],
    ['36:14 map.user.name: expected exactly one of `path`, `value` and `cel`'],
  ],
  [
    'a header that is set twice',
    [['token }}" }', 'token }}", headers: { Authorization: x } }']],
    ['12:51 auth.headers.Authorization: the header Authorization is set twice'],
  ],
  [
    'a header that is written in two ways',
    [['limit: "1000" }', 'limit: "1000" }\n  headers: { X-Org: a, x-org: b }']],
    ['19:24 request.headers.x-org: the header x-org is set twice'],
  ],
  [
    'a header that is written in two ways in a form of authentication',
    [['bearer: "{{ options.token }}"', 'headers: { X-Key: "{{ options.token }}", x-key: b }']],
    ['12:50 auth.headers.x-key: the header x-key is set twice'],
  ],
  [
    'a paging that needs another order',
    [
      ['next_url: { from: { link: next } }', 'keyset: { size: 10 }'],
      ['order: ascending', 'order: none'],
    ],
    ['29:11 paging.keyset: needs `order: ascending`'],
  ],
  [
    'records without a key in numbered pages',
    [
      ['next_url: { from: { link: next } }', 'page: { query: page }'],
      ['key: [id]\n', ''],
    ],
    ['1:1 key: missing; with `offset` or `page` records cannot be told apart by content'],
  ],
])('%s is reported at its place', (_, changes, problems) => {
  expect(problemsOf(changed(...changes))).toEqual(problems.map((problem) => `acme/source.yaml:${problem}`));
});

it('another origin gets no secret of the request behind a position', () => {
  const text = definition({
    request: '{ method: POST, path: /records }',
    cursor:
      '{ position: { from: next, request: { body: { at: "{{ position }}", key: "{{ options.token }}" } } } }',
    paging: '{ next_url: { from: url, allow_origins: ["https://other.example"] } }',
  });

  expect(problemsOf(text)).toEqual([
    expect.stringContaining('paging.next_url.allow_origins: the body of the request holds a secret'),
  ]);
});
