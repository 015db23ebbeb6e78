import { describe, expect, it } from 'vitest';
import { addressOf, malformedEvent, withCommonFields } from '../../src/ecs/common.ts';
import type { EcsEvent } from '../../src/core/event.ts';
import { VERSION } from '../../src/core/version.ts';
import { ecsProblems } from '../support/ecs-rules.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const origin = {
  vendor: 'IBM',
  product: 'QRadar',
  dataset: 'qradar.login_attempts',
  categorisation: { kind: 'event', category: ['authentication'], type: ['start'] },
} as const;
const source = { name: 'north', options: { base_url: 'https://qradar.example.com:8443/console' } };

describe('withCommonFields', () => {
  it('adds the fields that every event has', () => {
    const event = withCommonFields({ message: 'Login' }, origin, {
      uid: 'u1',
      observedAt: NOW,
      source,
      labels: { site: 'north' },
    });

    expect(event).toEqual({
      '@timestamp': '2026-03-02T12:00:00.000Z',
      'ecs.version': '9.4.0',
      'agent.type': 'penstock',
      'agent.version': VERSION,
      'event.kind': 'event',
      'event.category': ['authentication'],
      'event.type': ['start'],
      'event.dataset': 'qradar.login_attempts',
      'event.module': 'qradar',
      'event.id': 'u1',
      'event.created': '2026-03-02T12:00:00.000Z',
      'observer.vendor': 'IBM',
      'observer.product': 'QRadar',
      'observer.name': 'north',
      'observer.hostname': 'qradar.example.com',
      'labels.site': 'north',
      message: 'Login',
    });
    expect(ecsProblems(event)).toEqual([]);
  });

  it('keeps the fields that the mapping set', () => {
    const own = {
      '@timestamp': '2026-03-02T11:00:00.000Z',
      'event.id': 'INC-1',
      'event.kind': 'pipeline_error',
    };

    expect(withCommonFields(own, origin, { uid: 'u1', observedAt: NOW })).toMatchObject(own);
  });

  it.each([
    ['https://10.20.0.9', '10.20.0.9'],
    ['https://[2001:db8::1]:8443', '2001:db8::1'],
    ['https://QRadar.Example.com/api', 'qradar.example.com'],
  ])('takes the host name of %s to be %s', (base_url, hostname) => {
    const event = withCommonFields({}, origin, {
      uid: 'u1',
      observedAt: NOW,
      source: { name: 'north', options: { base_url } },
    });

    expect(event['observer.hostname']).toBe(hostname);
  });

  it('lists every user and address of an event once in related.*', () => {
    const event = withCommonFields(
      {
        'user.name': 'anna',
        'user.email': 'anna',
        'source.ip': '192.0.2.1',
        'destination.ip': '192.0.2.1',
        'source.user.name': 'bert',
        'related.ip': ['198.51.100.7'],
        'related.user': ['anna@example.com'],
        'qradar.login_attempt.remote_ip': '203.0.113.9',
      },
      origin,
      { uid: 'u1', observedAt: NOW },
    );

    expect(event['related.user']).toEqual(['anna', 'bert', 'anna@example.com']);
    expect(event['related.ip']).toEqual(['192.0.2.1', '198.51.100.7']);
  });

  it.each<[string, EcsEvent, readonly string[]]>([
    ['with a name', { 'user.id': '7', 'user.name': 'anna' }, ['anna']],
    ['with an address', { 'user.id': '7', 'user.email': 'anna@example.com' }, ['anna@example.com']],
    ['with an id alone', { 'user.id': '7' }, ['7']],
    ['with an empty name', { 'user.id': '7', 'user.name': '' }, ['7']],
    ['beside another one', { 'user.name': 'anna', 'source.user.id': '8' }, ['anna', '8']],
  ])('related.user lists a user %s by name, address or id, in this order', (_, user, related) => {
    const event = withCommonFields(user, origin, { uid: 'u1', observedAt: NOW });

    expect(event['related.user']).toEqual(related);
  });
});

describe('malformedEvent', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['""', ''],
    ['[]', []],
    ['{"id":9007199254740993}', { id: 9_007_199_254_740_993n }],
  ])('keeps the malformed record %s whole, within the rules of ECS', (original, record) => {
    const event = withCommonFields(malformedEvent(record, 'expected an object'), origin, {
      uid: 'u1',
      observedAt: Date.parse('2026-03-02T12:00:00Z'),
      source: { name: 'console', options: { base_url: 'https://qradar.example.com' } },
    });

    expect(event).toMatchObject({
      '@timestamp': '2026-03-02T12:00:00.000Z',
      'event.kind': 'pipeline_error',
      'event.category': ['authentication'],
      'event.dataset': 'qradar.login_attempts',
      'event.original': original,
      'error.message': 'expected an object',
    });
    expect(ecsProblems(event)).toEqual([]);
  });
});

describe('addressOf', () => {
  it.each(['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1'])(
    'maps the IP address %s to address and ip',
    (address) => {
      expect(addressOf('source', address)).toEqual({ 'source.address': address, 'source.ip': address });
    },
  );

  it.each(['host.example', '192.0.2.256', '192.0.2.1:443', '010.0.0.1', 'fe80::1%eth0', ' '])(
    'maps %j, which is not an IP address, to address alone',
    (address) => {
      expect(addressOf('client', address)).toEqual({ 'client.address': address });
    },
  );

  it.each(['', undefined])('maps the missing address %j to no field', (address) => {
    expect(addressOf('source', address)).toEqual({});
  });
});
