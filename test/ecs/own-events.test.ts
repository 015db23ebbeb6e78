import { describe, expect, it } from 'vitest';
import { gapEvent } from '../../src/ecs/own-events.ts';
import { ecsProblems } from '../support/ecs-rules.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const config = {
  name: 'incidents',
  definition: { id: 'petra-incidents' },
  options: { base_url: 'https://api.example.com', account: '', labels: { site: 'north' } },
};
const gap = { from: NOW - 3_600_000, to: NOW, reason: 'page-full', part: 'tenant-1' };
const notice = { config, scope: { id: '' }, gap, observedAt: NOW };

describe('gapEvent', () => {
  it('a gap event says what is missing, where and why, within the rules of ECS', () => {
    const { uid, event } = gapEvent(notice);

    expect(event).toMatchObject({
      'event.kind': 'event',
      'event.category': ['configuration'],
      'event.type': ['info'],
      'event.dataset': 'penstock.gaps',
      'event.module': 'penstock',
      'event.id': uid,
      'penstock.gap.source': 'incidents',
      'penstock.gap.stream': 'petra-incidents|https://api.example.com|',
      'penstock.gap.from': '2026-03-02T11:00:00.000Z',
      'penstock.gap.to': '2026-03-02T12:00:00.000Z',
      'penstock.gap.reason': 'page-full',
      'penstock.gap.part': 'tenant-1',
      'observer.name': 'incidents',
      'observer.hostname': 'api.example.com',
      'labels.site': 'north',
    });
    expect(ecsProblems(event)).toEqual([]);
  });

  it('a gap event has one id for one gap, whatever the time and the name of the source, and another id for another part', () => {
    const { uid } = gapEvent(notice);

    expect(gapEvent({ ...notice, observedAt: NOW + 1, config: { ...config, name: 'renamed' } }).uid).toBe(
      uid,
    );
    expect(gapEvent({ ...notice, gap: { ...gap, part: 'tenant-2' } }).uid).not.toBe(uid);
  });
});
