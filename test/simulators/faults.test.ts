import { describe, expect, it } from 'vitest';
import { seeded } from '../../src/simulators/seeded.ts';
import {
  type FaultPlan,
  HTML_UNAVAILABLE,
  type SimulatedRequest,
  throttled,
  unreliable,
} from '../../src/simulators/server.ts';

const request = {} as SimulatedRequest;
const fine = { status: 200, body: [] };

async function answers(plan: FaultPlan, count: number): Promise<string[]> {
  const answer = unreliable(() => fine, plan, seeded(7));
  const seen = [];
  for (let n = 0; n < count; n += 1) {
    const { status, fault = '', delay = '' } = await answer(request);
    seen.push(`${status}${fault}${delay}`);
  }
  return seen;
}

describe('unreliable', () => {
  it('fails as often as planned, each way', async () => {
    const plan: FaultPlan = {
      throttle: 0.1,
      unavailable: 0.1,
      reset: 0.1,
      truncate: 0.1,
      slow: 0.1,
      delay: 7,
    };

    const seen = Map.groupBy(await answers(plan, 5_000), (answer) => answer);

    const about = expect.closeTo(0.1, 1) as number;
    const shares = Object.fromEntries([...seen].map(([answer, { length }]) => [answer, length / 5_000]));
    expect(shares).toEqual({
      '429': about,
      '503': about,
      '0reset': about,
      '200truncate': about,
      '2007': about,
      '200': expect.closeTo(0.5, 1) as number,
    });
  });

  it('fails the same way for the same seed', async () => {
    const plan: FaultPlan = { throttle: 0.2, reset: 0.2 };

    expect(await answers(plan, 100)).toEqual(await answers(plan, 100));
  });

  it('changes nothing without a plan', async () => {
    expect(new Set(await answers({}, 50))).toEqual(new Set(['200']));
  });

  it('answers HTML where JSON was asked for', async () => {
    const answer = unreliable(() => fine, { unavailable: 1 }, seeded(1));

    expect(await answer(request)).toBe(HTML_UNAVAILABLE);
  });

  it('throttles with or without Retry-After', () => {
    expect(throttled(3).headers).toEqual({ 'retry-after': '3' });
    expect(throttled().headers).toBeUndefined();
  });
});
