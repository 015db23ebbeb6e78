import { afterEach, describe, expect, it } from 'vitest';
import { serve, type SimulatedAnswer, type Simulator } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const clock = new DrivenClock('2026-03-02T12:00:00Z');
let simulator: Simulator;

async function start(answer: SimulatedAnswer = { status: 200, body: { all: 'well' } }): Promise<void> {
  simulator = await serve(() => answer, { clock });
}

afterEach(() => simulator[Symbol.asyncDispose]());

describe('serve', () => {
  it('answers as told, dated by its own clock, and remembers what it was asked', async () => {
    await start();

    const response = await fetch(`${simulator.url}/a?b=%2B1`, { headers: { 'X-One': '1' } });

    expect(await response.json()).toEqual({ all: 'well' });
    expect(response.headers.get('date')).toBe('Mon, 02 Mar 2026 12:00:00 GMT');
    expect(simulator.requests).toMatchObject([{ method: 'GET', path: '/a', at: clock.now() }]);
    expect(simulator.requests[0]?.query.get('b')).toBe('+1');
    expect(simulator.requests[0]?.headers['x-one']).toBe('1');
  });

  it('gives scripted answers first, and lets a request through for undefined', async () => {
    await start();
    simulator.script.push({ status: 500 }, undefined, { status: 418 });

    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await fetch(simulator.url)).status);

    expect(statuses).toEqual([500, 200, 418, 200]);
  });

  it('answers 500 with the words of an error in the simulator itself', async () => {
    simulator = await serve(() => Promise.reject(new Error('lost its mind')), { clock });

    const response = await fetch(simulator.url);

    expect(response.status).toBe(500);
    expect(await response.text()).toContain('lost its mind');
  });

  it.each(['reset', 'truncate'] as const)('tears the connection down: %s', async (fault) => {
    await start({ status: 200, body: 'x'.repeat(1000), fault });

    const reading = fetch(simulator.url).then((response) => response.text());

    await expect(reading).rejects.toThrow(TypeError);
  });

  it.each(['hang', 'stall'] as const)('never ends an answer: %s', async (fault) => {
    await start({ status: 200, body: 'x'.repeat(1000), fault });
    const stop = new AbortController();
    const reading = fetch(simulator.url, { signal: stop.signal }).then((response) => response.text());
    await simulator.asked(1);

    stop.abort();

    await expect(reading).rejects.toThrow('aborted');
  });

  it('waits by its clock before a delayed answer', async () => {
    await start({ status: 200, body: 'late', delay: 5_000 });
    const answered = fetch(simulator.url).then((response) => response.text());
    await simulator.asked(1);

    await clock.advance(5_000);

    expect(await answered).toBe('late');
  });

  it('goes away and comes back on the same port', async () => {
    await start();

    await simulator.away();
    await expect(fetch(simulator.url)).rejects.toThrow('fetch failed');
    await simulator.back();

    expect((await fetch(simulator.url)).status).toBe(200);
  });

  it('stops waiting for requests with the reason of the signal', async () => {
    await start();
    const stop = new AbortController();
    const waiting = simulator.asked(1, stop.signal);

    stop.abort(new Error('enough'));

    await expect(waiting).rejects.toThrow('enough');
  });
});
