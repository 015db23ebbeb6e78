import { expect, it } from 'vitest';
import { shapeFindings } from '../../../src/cli/shape-findings.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { definition } from './lab.ts';

/** The fields that `check` warns of when `shape` removes all of these. */
function warned(parts: Readonly<Record<string, string>>, remove: readonly string[]): readonly string[] {
  const source = compileDefinition(definition({ cursor: '{ snapshot: {} }', ...parts }), 'sample');
  const findings = shapeFindings(source, {
    shape: { drop: [], remove, hash: undefined, original: false },
  });
  return findings.flatMap(({ detail }) => (detail.split(':')[0] ?? '').split(', '));
}

it('check warns of the fields that hold an unmapped key', () => {
  const remove = ['sample.records.user_name', 'sample.records.id', 'sample.records.other', 'event.id'];

  expect(warned({ key: '[userName, id]' }, remove)).toEqual([
    'sample.records.user_name',
    'sample.records.id',
  ]);
  expect(warned({ key: '[userName]' }, remove)).toEqual(['sample.records.user_name', 'event.id']);
  expect(warned({ key: '[userName]', rest: 'drop' }, remove)).toEqual(['event.id']);
});

it('check warns of the fields that hold a part of a key or of a compared value', () => {
  const parts = { map: '{ user.name: actor.login, user.email: owner.mail }', compare: '[actor, "tags[0]"]' };

  expect(
    warned(parts, ['user.name', 'user.email', 'sample.records.actor.display_name', 'sample.records.tags']),
  ).toEqual(['user.name', 'sample.records.actor.display_name', 'sample.records.tags']);
});

it('check warns of the fields that hold a key of an element', () => {
  const parts = { split: 'parts', key: '[id, item.mailAddress]' };

  expect(warned(parts, ['sample.records.item.mail_address', 'sample.records.mail_address'])).toEqual([
    'sample.records.item.mail_address',
  ]);
});
