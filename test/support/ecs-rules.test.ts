import { describe, expect, it } from 'vitest';
import type { EcsEvent } from '../../src/core/event.ts';
import { ecsProblems } from './ecs-rules.ts';

const right: EcsEvent = {
  '@timestamp': '2026-03-02T12:00:00.000Z',
  'ecs.version': '9.4.0',
  'agent.type': 'penstock',
  'agent.version': '1.0.0',
  'event.kind': 'event',
  'event.category': ['authentication'],
  'event.type': ['start'],
  'event.dataset': 'qradar.login_attempts',
  'event.module': 'qradar',
  'event.id': 'a1',
  'event.created': '2026-03-02T12:01:00.000Z',
  'observer.vendor': 'IBM',
  'observer.product': 'QRadar',
  'observer.name': 'north',
  'observer.hostname': 'qradar.example.com',
  'related.ip': ['192.0.2.1'],
  'source.ip': '192.0.2.1',
  'labels.site': 'north',
  'qradar.login_attempt.attempt_time': 1_772_452_800_000,
};

describe('ecsProblems', () => {
  it('finds nothing wrong with a right event', () => {
    expect(ecsProblems(right)).toEqual([]);
  });

  it.each<[string, EcsEvent, string]>([
    [
      'an array field as one value',
      { 'event.category': 'authentication' },
      'event.category must be an array',
    ],
    ['a single field as an array', { 'source.ip': ['192.0.2.1'] }, 'source.ip must be a single value'],
    ['a value that is not allowed', { 'event.kind': 'login' }, 'event.kind may not be login'],
    ['an outcome that is not allowed', { 'event.outcome': 'SUCCESS' }, 'event.outcome may not be SUCCESS'],
    ['a pattern that does not match', { 'source.mac': '00:11:22' }, 'source.mac does not match'],
    [
      'a type that its category does not expect',
      { 'event.type': ['denied'] },
      'event.type denied does not go with',
    ],
    ['an address that does not parse', { 'source.ip': 'host.example' }, 'source.ip is no ip: host.example'],
    ['an address with a zone', { 'source.ip': 'fe80::1%eth0' }, 'source.ip is no ip'],
    ['a value on an object', { labels: 'north' }, 'labels is an object and takes no value'],
    ['a number as text', { 'event.severity': '47' }, 'event.severity is no long'],
    ['a whole number with a fraction', { 'event.severity': 4.7 }, 'event.severity is no long'],
    ['a keyword as a number', { 'user.id': 7 }, 'user.id is no keyword'],
    ['a time that is not ISO 8601 in UTC', { 'event.start': '2026-03-02 12:00' }, 'event.start is no date'],
    ['a field that ECS does not have', { 'user.nickname': 'a' }, 'user.nickname is no field of ECS'],
    ['a vendor of which we know nothing', { 'acme.rows': 1 }, 'acme.rows is no field of ECS'],
    [
      'a field that its vendor does not have',
      { 'petra.incident.mood': 'x' },
      "petra.incident.mood is no field of ECS, and in no source's `fields`",
    ],
    [
      'a field of a vendor that is typed otherwise',
      { 'petra.failed_attacks.count': 'x' },
      'petra.failed_attacks.count is no long: x',
    ],
    ['a nested label', { 'labels.a.b': 'c' }, 'labels.a.b is no field of ECS'],
    [
      'both a field and its child',
      { 'petra.incident': 'x', 'petra.incident.id': 'y' },
      'petra.incident has a value and the child',
    ],
    ['a reserved kind', { 'event.kind': 'signal' }, 'event.kind signal is reserved'],
    [
      'a metric with an outcome',
      { 'event.kind': 'metric', 'event.outcome': 'failure' },
      'event.outcome is not for metrics',
    ],
    ['an error without words', { 'event.kind': 'pipeline_error' }, 'error.message is missing'],
  ])('finds %s', (_, wrong, problem) => {
    expect(ecsProblems({ ...right, ...wrong })).toContainEqual(expect.stringContaining(problem));
  });

  it.each(Object.keys(right).filter((name) => /^(@timestamp|ecs|agent|event|observer)/.test(name)))(
    'finds that %s is missing',
    (name) => {
      const { [name]: _, ...rest } = right;

      expect(ecsProblems(rest)).toContain(`${name} is missing`);
    },
  );
});
