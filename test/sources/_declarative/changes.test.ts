import { expect, it } from 'vitest';
import { requireSameDefinitions } from '../../../src/collect/same-definition.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { definition, simulated } from './lab.ts';

const PARTS = {
  request: '{ path: /records, query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}" } }',
  cursor: '{ window: { time: at, as: iso, order: ascending } }',
};

/** The refusal of a start with another definition, after a poll with the first one. */
async function startWith(parts: Readonly<Record<string, string>>): Promise<string> {
  await using sample = await simulated(definition(PARTS));
  await sample.poll();
  const source = compileDefinition(definition({ ...PARTS, ...parts }), 'sample');
  const options = source.options.parse({
    type: 'sample',
    base_url: 'https://vendor.example.com',
    token: 'any-token',
  });
  const config = { name: 'lab', definition: source, options, namespace: undefined };
  return requireSameDefinitions(sample.lab.journal.streams, [config]).then(
    () => 'started',
    (error: Error) => error.message,
  );
}

it.each<[string, Readonly<Record<string, string>>, string]>([
  ['the key', { key: '[id, at]' }, '`key`'],
  [
    'the time and how it is written',
    { cursor: '{ window: { time: seen, as: epoch_s, order: ascending } }' },
    '`time`, `as`',
  ],
  ['the dataset', { dataset: 'sample.others' }, '`dataset`'],
  [
    'the kind of cursor',
    { cursor: '{ snapshot: {} }', request: '{ path: /records }' },
    '`cursor`, `time`, `as`',
  ],
])(
  'a start with a definition of which %s changed is refused, and says what to do',
  async (_, parts, what) => {
    const refusal = await startWith(parts);

    expect(refusal).toContain(`the definition of sample changed in ${what} since it was polled`);
    expect(refusal).toContain('penstock state reset lab');
  },
);

it.each<[string, Readonly<Record<string, string>>]>([
  ['map', { map: '{ event.reason: action }' }],
  ['rest', { rest: 'drop' }],
  ['fields', { fields: '{ sample.records.size: long }' }],
  ['settle', { cursor: '{ window: { time: at, as: iso, order: ascending, settle: 9m } }' }],
])('a definition whose %s changed goes on', async (_, parts) => {
  expect(await startWith(parts)).toBe('started');
});
