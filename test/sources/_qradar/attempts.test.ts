import { describe, expect, it } from 'vitest';
import { attempt, consoleBench, DAY, LIST, MINUTE, NOW } from './support.ts';

const bench = consoleBench();

describe('attempts of a console', () => {
  it('rows that do not fit are emitted once as pipeline errors, and the others as events', async () => {
    const odd = ['text', null, 7, [], {}, { attempt_time: '1772452680000' }, { attempt_time: 1.5 }, 'text'];
    await bench.start({ rows: [attempt(NOW - 40 * MINUTE), attempt(NOW - 20 * MINUTE)] });
    for (const record of odd) bench.console.addRaw(NOW - 3 * MINUTE, record);
    const lab = bench.lab({ initial_lookback: '1h', page_size: 3 });

    await lab.once();
    await lab.once();

    const kinds = lab.events
      .map(({ event }) => String(event['event.kind']))
      .toSorted((a, b) => (a < b ? -1 : 1));
    expect(kinds).toEqual(['event', 'event', ...odd.map(() => 'pipeline_error')]);
    expect(lab.events.map(({ event }) => event['event.original'])).toContain(
      '{"attempt_time":"1772452680000"}',
    );
  });

  it('rows without a time are emitted once, though every window of every poll shows them', async () => {
    await bench.start();
    bench.console.onRequest = ({ path }) =>
      path === LIST ? { status: 200, body: [{ user_id: 7 }] } : undefined;
    const lab = bench.lab({ initial_lookback: '5h', slice: '1h', page_size: 10 });

    await lab.once();
    bench.clock.jump(DAY);
    await lab.once();

    const malformed = lab.events.filter(({ event }) => event['event.kind'] === 'pipeline_error');
    expect(malformed.map(({ event }) => event['event.original'])).toEqual(['{"user_id":7}']);
  });

  it('attempts keep every digit of a user id', async () => {
    await bench.start({ rows: [attempt(NOW - 30 * MINUTE, { user_id: 9_007_199_254_740_993n })] });
    const lab = bench.lab();

    await lab.once();

    expect(lab.events[0]?.event['user.id']).toBe('9007199254740993');
  });

  it('attempts with an unknown address, result or method are events', async () => {
    await bench.start({
      rows: [
        attempt(NOW - 30 * MINUTE, {
          remote_ip: 'host.example',
          attempt_result: 'MAYBE',
          attempt_method: 'SAML_2 (SSO)',
        }),
        attempt(NOW - 20 * MINUTE, { remote_ip: '' }),
      ],
    });
    const lab = bench.lab();

    await lab.once();

    const [odd, empty] = lab.events.map(({ event }) => event);
    expect(odd).toMatchObject({
      'event.outcome': 'unknown',
      'event.action': 'login',
      'source.address': 'host.example',
    });
    expect(odd).not.toHaveProperty('source.ip');
    expect(empty).not.toHaveProperty('source.address');
  });
});
