import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { definition } from '../sources/_declarative/lab.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { command } from './support/command.ts';

const CONFIG = `types: [sample.source.yaml]
destinations: { siem: { endpoint: "http://127.0.0.1:4318" } }
sources: { one: { type: sample, base_url: "http://127.0.0.1:9", token: token-of-one } }
`;

it.each([
  [
    'window: { time: at, order: none, filter: from }',
    '{ since: "{{ iso(from) }}" }',
    'names only the beginning of what it asks for (`filter: from`), and a past span needs its end as well',
  ],
  [
    'position: { from: next, request: { query: { at: "{{ position }}" } } }',
    '{}',
    'reads on at a position that the vendor keeps, and cannot ask for a past span',
  ],
  ['snapshot: {}', '{}', 'reads the whole list at each poll, and the vendor keeps no earlier one'],
])('rewind and backfill say why a definition with %s has no past', async (cursor, query, words) => {
  await using directory = await temporaryDirectory();
  await writeFile(
    join(directory.path, 'sample.source.yaml'),
    definition({ cursor: `{ ${cursor} }`, request: `{ path: /records, query: ${query} }` }),
  );
  await writeFile(join(directory.path, 'penstock.yaml'), CONFIG);
  const said = (...args: readonly string[]) => command(args, { cwd: directory.path });

  const rewound = await said('state', 'rewind', 'one', '--to', '1h');
  const filled = await said('backfill', 'one', '--from', '2h', '--to', '1h');

  expect([rewound.code, filled.code]).toEqual([2, 2]);
  expect(rewound.stderr).toContain(`Source one cannot be rewound: sample ${words}.`);
  expect(filled.stderr).toContain(`Source one cannot be backfilled: sample ${words}. See what is missing`);
});
