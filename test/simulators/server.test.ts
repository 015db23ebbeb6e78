import { afterEach, describe, expect, it } from 'vitest';
import { DrivenClock } from '../support/driven-clock.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import {
  type FaultPlan,
  HTML_UNAVAILABLE,
  serve,
  type SimulatedAnswer,
  type SimulatedRequest,
  type Simulator,
  throttled,
  unreliable,
} from '../../src/simulators/server.ts';

const clock = new DrivenClock('2026-03-02T12:00:00Z');
let simulator: Simulator;

async function start(answer: SimulatedAnswer = { status: 200, body: { all: 'well' } }): Promise<void> {
  simulator = await serve(() => answer, { clock });
}

afterEach(() => simulator[Symbol.asyncDispose]());

describe('A simulated server', () => {
  it('a simulated server answers as scripted, dated by its own clock, and keeps its requests', async () => {
    await start();

    const response = await fetch(`${simulator.url}/a?b=%2B1`, { headers: { 'X-One': '1' } });

    expect(await response.json()).toEqual({ all: 'well' });
    expect(response.headers.get('date')).toBe('Mon, 02 Mar 2026 12:00:00 GMT');
    expect(simulator.requests).toMatchObject([{ method: 'GET', path: '/a', at: clock.now() }]);
    expect(simulator.requests[0]?.query.get('b')).toBe('+1');
    expect(simulator.requests[0]?.headers['x-one']).toBe('1');
  });

  it('a simulated server gives scripted answers first, and its own for undefined', async () => {
    await start();
    simulator.script.push({ status: 500 }, undefined, { status: 418 });

    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await fetch(simulator.url)).status);

    expect(statuses).toEqual([500, 200, 418, 200]);
  });

  it('a simulated server answers 500 with the message when it throws', async () => {
    simulator = await serve(() => Promise.reject(new Error('lost its mind')), { clock });

    const response = await fetch(simulator.url);

    expect(response.status).toBe(500);
    expect(await response.text()).toContain('lost its mind');
  });

  it.each(['reset', 'truncate'] as const)(
    'a simulated server closes the connection early: %s',
    async (fault) => {
      await start({ status: 200, body: 'x'.repeat(1000), fault });

      const reading = fetch(simulator.url).then((response) => response.text());

      await expect(reading).rejects.toThrow(TypeError);
    },
  );

  it.each(['hang', 'stall'] as const)('a simulated server never ends an answer: %s', async (fault) => {
    await start({ status: 200, body: 'x'.repeat(1000), fault });
    const stop = new AbortController();
    const reading = fetch(simulator.url, { signal: stop.signal }).then((response) => response.text());
    await simulator.asked(1);

    stop.abort();

    await expect(reading).rejects.toThrow('aborted');
  });

  it('a simulated server waits by its clock before a delayed answer', async () => {
    await start({ status: 200, body: 'late', delay: 5_000 });
    const answered = fetch(simulator.url).then((response) => response.text());
    await simulator.asked(1);

    await clock.advance(5_000);

    expect(await answered).toBe('late');
  });

  it('a simulated server goes away and comes back on the same port', async () => {
    await start();

    await simulator.away();
    await expect(fetch(simulator.url)).rejects.toThrow('fetch failed');
    await simulator.back();

    expect((await fetch(simulator.url)).status).toBe(200);
  });

  it('waiting for requests ends with the reason of the signal', async () => {
    await start();
    const stop = new AbortController();
    const waiting = simulator.asked(1, stop.signal);

    stop.abort(new Error('enough'));

    await expect(waiting).rejects.toThrow('enough');
  });
});

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

describe('An unreliable server', () => {
  it('an unreliable server fails as often as planned, in each way', async () => {
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

  it('an unreliable server fails the same way for the same seed', async () => {
    const plan: FaultPlan = { throttle: 0.2, reset: 0.2 };

    expect(await answers(plan, 100)).toEqual(await answers(plan, 100));
  });

  it('an unreliable server changes nothing without a plan', async () => {
    expect(new Set(await answers({}, 50))).toEqual(new Set(['200']));
  });

  it('an unreliable server answers HTML instead of JSON', async () => {
    const answer = unreliable(() => fine, { unavailable: 1 }, seeded(1));

    expect(await answer(request)).toBe(HTML_UNAVAILABLE);
  });

  it('an unreliable server throttles with or without Retry-After', () => {
    expect(throttled(3).headers).toEqual({ 'retry-after': '3' });
    expect(throttled().headers).toBeUndefined();
  });
});
