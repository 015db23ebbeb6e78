import { describe, expect, it } from 'vitest';
import { withCommonFields } from '../../src/ecs/common.ts';
import { ecsProblems } from '../support/ecs-rules.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const origin = {
  vendor: 'IBM',
  product: 'QRadar',
  dataset: 'qradar.login_attempts',
  categorisation: { kind: 'event', category: ['authentication'], type: ['start'] },
} as const;

describe('withCommonFields', () => {
  it('adds what every event has', () => {
    const event = withCommonFields({ message: 'Login' }, origin, {
      uid: 'u1',
      observedAt: NOW,
      labels: { site: 'north' },
    });

    expect(event).toEqual({
      '@timestamp': '2026-03-02T12:00:00.000Z',
      'ecs.version': '9.4.0',
      'event.kind': 'event',
      'event.category': ['authentication'],
      'event.type': ['start'],
      'event.dataset': 'qradar.login_attempts',
      'event.module': 'qradar',
      'event.id': 'u1',
      'event.created': '2026-03-02T12:00:00.000Z',
      'observer.vendor': 'IBM',
      'observer.product': 'QRadar',
      'labels.site': 'north',
      message: 'Login',
    });
    expect(ecsProblems(event)).toEqual([]);
  });

  it('keeps what the mapping set', () => {
    const own = {
      '@timestamp': '2026-03-02T11:00:00.000Z',
      'event.id': 'INC-1',
      'event.kind': 'pipeline_error',
    };

    expect(withCommonFields(own, origin, { uid: 'u1', observedAt: NOW })).toMatchObject(own);
  });

  it('gathers users and addresses, each once, from wherever they are', () => {
    const event = withCommonFields(
      {
        'user.id': '7',
        'user.name': 'anna',
        'user.email': 'anna',
        'source.ip': '192.0.2.1',
        'destination.ip': '192.0.2.1',
        'source.user.name': 'bert',
        'related.ip': ['198.51.100.7'],
        'qradar.login_attempt.remote_ip': '203.0.113.9',
      },
      origin,
      { uid: 'u1', observedAt: NOW },
    );

    expect(event['related.user']).toEqual(['7', 'anna', 'bert']);
    expect(event['related.ip']).toEqual(['192.0.2.1', '198.51.100.7']);
  });
});
