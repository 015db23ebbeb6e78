import { expect, it } from 'vitest';
import type { Finding } from '../../../src/core/source.ts';
import { drive } from '../../http/support/rig.ts';
import { definition, simulated } from './lab.ts';

const NAMES = ['in_query', 'in_header', 'in_body', 'in_position', 'in_expand', 'in_scope'];

const TEXT = definition({
  options: `{ ${NAMES.map((name) => `${name}: { type: string, default: x }`).join(', ')} }`,
  scope: '[in_scope]',
  request:
    '{ method: POST, path: "/records", query: { q: "{{ options.in_query }}", s: "{{ options.in_scope }}" }, headers: { X-H: "{{ options.in_header }}" }, body: { b: "{{ options.in_body }}" } }',
  cursor:
    '{ position: { from: cursor, more: has_more, request: { body: { p: "{{ position }}", o: "{{ options.in_position }}" } } } }',
  expand:
    '{ ids: id, request: { method: POST, path: /details, body: { ids: "{{ ids }}", e: "{{ options.in_expand }}" } }, records: data, key: id }',
});

it('a check warns of each option that is sent and is not in the scope', async () => {
  await using sample = await simulated(TEXT);
  await using process = sample.lab.start();
  const findings: Finding[] = [];
  const read = async () => {
    for await (const finding of sample.source.probe?.(process.context) ?? []) findings.push(finding);
  };

  await drive(sample.clock, read());

  const warned = findings.filter(({ probe }) => probe === 'scope');
  expect(new Set(warned.map(({ verdict }) => verdict))).toEqual(new Set(['warn']));
  expect(warned.map(({ detail }) => /^The option (\w+) is sent/.exec(detail)?.[1])).toEqual(
    NAMES.filter((name) => name !== 'in_scope'),
  );
});
