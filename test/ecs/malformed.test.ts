import { describe, expect, it } from 'vitest';
import { withCommonFields } from '../../src/ecs/common.ts';
import { malformedEvent } from '../../src/ecs/malformed.ts';
import { ecsProblems } from '../support/ecs-rules.ts';

const origin = {
  vendor: 'IBM',
  product: 'QRadar',
  dataset: 'qradar.login_attempts',
  categorisation: { kind: 'event', category: ['authentication'], type: ['start'] },
} as const;

describe('malformedEvent', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['""', ''],
    ['[]', []],
    ['{"id":9007199254740993}', { id: 9_007_199_254_740_993n }],
  ])('keeps %s whole, and passes the rules of ECS', (original, record) => {
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
